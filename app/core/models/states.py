"""States and kinds, as stored and as the API shows them."""

from enum import StrEnum


class CorpusState(StrEnum):
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    IMPORTING = "importing"
    READY = "ready"
    FAILED = "failed"


class JobKind(StrEnum):
    IMPORT = "import"
    RUN = "run"


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL_STATES


TERMINAL_STATES = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})


class RunPhase(StrEnum):
    FEATURES = "features"
    TRAIN = "train"
    REPORT = "report"
    CERTIFY = "certify"  # only of runs that were asked for it
    INDEX = "index"


class ReasonCode(StrEnum):
    """Why a pair is suspect: crcl_core.explanation's codes, as stored and shown. docs/reason-codes.md explains them."""

    SHIFTED_BLOCK = "shifted_block"
    SWAPPED_BLOCK = "swapped_block"
    NOT_A_DESCRIPTION = "not_a_description"
    REPEATED_CAPTION = "repeated_caption"
    BETTER_CAPTION = "better_caption"
    BETTER_IMAGE = "better_image"
    UNSUPPORTED_WORDS = "unsupported_words"
    UNCERTAIN = "uncertain"
    NO_MATCH = "no_match"


class RepairKind(StrEnum):
    """How a proposed repair moves captions: crcl_core.repair's kinds, as stored and shown."""

    REASSIGN = "reassign"  # one pair gets the caption of another
    SHIFT = "shift"  # each pair of a block gets the caption a constant number of pairs away
    SWAP = "swap"  # two blocks exchange their captions


class CorpusFormat(StrEnum):
    """How images and captions are laid out in an archive. docs/formats.md shows each."""

    TABLE = "table"
    OPEN_CLIP = "open_clip"
    COCO = "coco"
    KARPATHY = "karpathy"
    FLICKR = "flickr"
    KAGGLE_8K = "kaggle_8k"
    KAGGLE_30K = "kaggle_30k"
    IMAGEFOLDER = "imagefolder"
    PARQUET_IMAGES = "parquet_images"
    IMG2DATASET = "img2dataset"
    WEBDATASET = "webdataset"
    SIDECAR = "sidecar"
    SCAN_PRECOMP = "scan_precomp"


class RejectionCode(StrEnum):
    """Why an input row was not accepted."""

    MISSING_IMAGE = "missing_image"
    NO_CAPTION_FOR_IMAGE = "no_caption_for_image"
    EMPTY_CAPTION = "empty_caption"
    CAPTION_TOO_LONG = "caption_too_long"
    NOT_UTF8 = "not_utf8"
    MALFORMED_ROW = "malformed_row"
    NOT_AN_IMAGE = "not_an_image"
    TRUNCATED_IMAGE = "truncated_image"
    IMAGE_TOO_LARGE = "image_too_large"
    MEMBER_TOO_LARGE = "member_too_large"
    DAMAGED_MEMBER = "damaged_member"
    DECODING_TOO_SLOW = "decoding_too_slow"
    DECODER_DIED = "decoder_died"
    NOT_DOWNLOADED = "not_downloaded"
    ALREADY_IN_CORPUS = "already_in_corpus"
