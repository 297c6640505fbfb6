"""`python -m app.auth.first_key`: prints the first API key of a new deployment. `mispair up` needs no such step."""

import sys

from app.auth.service import ensure_first_key
from app.core.database import make_engine, make_session_factory, session_scope
from app.core.settings import get_settings


def main() -> int:
    """Print a key for the default workspace if it has none that can be used; returns the exit status."""
    engine = make_engine(get_settings().database_url, pool_size=1, application_name="mispair-first-key")
    try:
        with session_scope(make_session_factory(engine)) as session:
            key = ensure_first_key(session)
    finally:
        engine.dispose()
    if key is None:
        sys.stderr.write("a usable key exists already; make further ones with `mispair keys create`\n")
        return 1
    sys.stdout.write(f"{key}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
