"""All formats, the more special before the more general: of equally sure ones the first is taken."""

from collections.abc import Sequence

from worker.pipeline.importing.formats.coco import CocoFormat
from worker.pipeline.importing.formats.flickr import FlickrFormat
from worker.pipeline.importing.formats.format import Format
from worker.pipeline.importing.formats.imagefolder import ImageFolderFormat
from worker.pipeline.importing.formats.img2dataset import Img2DatasetFormat
from worker.pipeline.importing.formats.kaggle import Kaggle8kFormat, Kaggle30kFormat
from worker.pipeline.importing.formats.karpathy import KarpathyFormat
from worker.pipeline.importing.formats.parquet_images import ParquetImagesFormat
from worker.pipeline.importing.formats.scan_precomp import ScanPrecompFormat
from worker.pipeline.importing.formats.sidecar import SidecarFormat
from worker.pipeline.importing.formats.table import OpenClipFormat, TableFormat
from worker.pipeline.importing.formats.webdataset import WebDatasetFormat

FORMATS: Sequence[Format] = (
    OpenClipFormat(),
    Kaggle30kFormat(),
    Kaggle8kFormat(),
    Img2DatasetFormat(),
    ParquetImagesFormat(),
    ImageFolderFormat(),
    TableFormat(),
    KarpathyFormat(),
    CocoFormat(),
    FlickrFormat(),
    WebDatasetFormat(),
    SidecarFormat(),
    ScanPrecompFormat(),
)
