"""Outrider: background jobs and batches for Python on Valkey/Redis."""

from outrider.app import App
from outrider.batch import Batch
from outrider.buffer.settings import PushBuffer
from outrider.client import EnqueuedJob
from outrider.context import RunningJob, current_job
from outrider.errors import (
    ArgumentError,
    BatchCancelled,
    BatchFailed,
    BatchFinished,
    BatchNotFound,
    BatchUnfinished,
    ConfigError,
    CursorError,
    Discard,
    EnqueueError,
    FilterError,
    Kill,
    NotDurable,
    NotRestorable,
    NotSerializable,
    OperationNotFound,
    OutriderError,
    PayloadTooLarge,
    PoisonPill,
    PushBufferFull,
    Retry,
    Snooze,
    StoreError,
    StoreFull,
    StoreUnavailable,
    UnknownJob,
)
from outrider.events import BatchChange, JobEvent
from outrider.inspection.collection import Page
from outrider.inspection.processes import Process
from outrider.inspection.record import JobRecord
from outrider.inspection.work import RunRecord
from outrider.membership import avalid_within_batch, current_batch, valid_within_batch
from outrider.operations.operations import Operation
from outrider.operations.trash import TrashedJob
from outrider.payload import Draft
from outrider.search.counting import Facets, JobCount
from outrider.search.failures import ErrorGroup, ErrorPage
from outrider.search.scan import SearchPage
from outrider.standing import FailedJob
from outrider.status import BatchEvent, BatchStatus
from outrider.tally import BatchRecord
from outrider.version import VERSION

__version__ = VERSION

__all__ = [
    "App",
    "ArgumentError",
    "Batch",
    "BatchCancelled",
    "BatchChange",
    "BatchEvent",
    "BatchFailed",
    "BatchFinished",
    "BatchNotFound",
    "BatchRecord",
    "BatchStatus",
    "BatchUnfinished",
    "ConfigError",
    "CursorError",
    "Discard",
    "Draft",
    "EnqueueError",
    "EnqueuedJob",
    "ErrorGroup",
    "ErrorPage",
    "Facets",
    "FailedJob",
    "FilterError",
    "JobCount",
    "JobEvent",
    "JobRecord",
    "Kill",
    "NotDurable",
    "NotRestorable",
    "NotSerializable",
    "Operation",
    "OperationNotFound",
    "OutriderError",
    "Page",
    "PayloadTooLarge",
    "PoisonPill",
    "Process",
    "PushBuffer",
    "PushBufferFull",
    "Retry",
    "RunRecord",
    "RunningJob",
    "SearchPage",
    "Snooze",
    "StoreError",
    "StoreFull",
    "StoreUnavailable",
    "TrashedJob",
    "UnknownJob",
    "avalid_within_batch",
    "current_batch",
    "current_job",
    "valid_within_batch",
]
