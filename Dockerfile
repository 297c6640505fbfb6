# Two targets, api and worker, from one set of layers. Build: docker build --target api -t mispair-api .
FROM python:3.12-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    MISPAIR_DATA=/data
WORKDIR /srv/mispair

FROM base AS dependencies
# The dependencies have a layer of their own, so that a change of the code does not install torch again.
COPY pyproject.toml README.md LICENSE ./
RUN mkdir app worker crcl_core mispair migrations \
    && touch app/__init__.py worker/__init__.py crcl_core/__init__.py mispair/__init__.py migrations/__init__.py \
    && python -m venv /opt/venv \
    && /opt/venv/bin/pip install . \
    && /opt/venv/bin/pip uninstall -y mispair

FROM base AS installed
COPY --from=dependencies /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY . .
RUN pip install --no-deps . \
    && useradd --system --uid 10001 --home-dir /data mispair \
    && install -d -o mispair -g mispair /data
USER 10001
VOLUME /data

FROM installed AS api
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=2)"]
# The schema is brought up to date before serving; an advisory lock lets several starters wait for one another.
CMD ["sh", "-c", "python -m migrations && exec uvicorn app.main:create_app --factory --host 0.0.0.0 --port 8000 --no-server-header --timeout-graceful-shutdown 10"]

FROM installed AS worker
ENV MISPAIR_QUEUES=cpu,gpu
# A warm stop lets a training write its checkpoint and give its job back.
STOPSIGNAL SIGTERM
CMD ["sh", "-c", "exec celery -A worker.celery_app worker --pool prefork --concurrency 1 --queues $MISPAIR_QUEUES --without-gossip --without-mingle --without-heartbeat"]
