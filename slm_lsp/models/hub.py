"""The first source of a model: a file in a Hugging Face repository, or in a mirror (`HF_ENDPOINT`)."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import httpx

from slm_lsp.models.catalogue import Entry
from slm_lsp.models.sources import Partial, SourceError, SourceName

ENDPOINT = "https://huggingface.co"
CONNECT_TIMEOUT_S = 5.0  # short, because the next source is tried only after this time if a firewall drops packets
READ_TIMEOUT_S = 30.0  # maximum time without receiving a byte
RETRIES = 4  # maximum number of retries in a row
CONNECT_RETRIES = 1
FIRST_BACK_OFF_S = 0.5  # delay before the first retry; doubled for each further retry
RETRY_RESET_BYTES = 1 << 20  # an attempt that received at least this number of bytes resets the count of retries


class _RetryableError(Exception):
    """The request failed, but a retry may succeed; the text says what happened."""


@dataclass(frozen=True)
class Hub:
    """The Hugging Face hub, or the mirror that the environment names. httpx reads the proxy settings itself.

    Args:
        environ: environment variables; `HF_ENDPOINT` and `HF_TOKEN` are used.
        sleep: waits for a number of seconds.
        monotonic: returns the time of a monotonic clock, in seconds.
    """

    environ: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    name: ClassVar[SourceName] = "hub"

    def scratch_bytes(self, entry: Entry) -> int:
        """Return 0: this source needs no space in addition to the model."""
        return 0

    def fetch(self, entry: Entry, partial: Partial, on_bytes: Callable[[int], None]) -> None:
        """Append the missing bytes to `partial`. Resume after a broken connection. See `Source.fetch`."""
        url, failures = self.url(entry), 0
        try:
            with self._client() as client:
                while not partial.complete:
                    start_size, start_time = partial.size, self.monotonic()
                    try:
                        _stream(client, url, partial, on_bytes)
                    except (httpx.TransportError, _RetryableError) as error:
                        failures = 0 if partial.size - start_size >= RETRY_RESET_BYTES else failures
                        if failures >= _retries(error, self.monotonic() - start_time):
                            raise SourceError(f"{url}: {_why(error)}") from error
                        self.sleep(FIRST_BACK_OFF_S * 2**failures)
                        failures += 1
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(f"{url}: {_why(error)}") from error

    def url(self, entry: Entry) -> str:
        """Return the URL of the model's file.

        Raises:
            SourceError: the catalogue has no hub file for this model.
        """
        if entry.hub is None:
            raise SourceError("the catalogue lists no file on the hub")
        endpoint = self.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or ENDPOINT
        return f"{endpoint}/{entry.hub.repository}/resolve/{entry.hub.revision}/{entry.hub.file}"

    def _client(self) -> httpx.Client:
        token = self.environ.get("HF_TOKEN", "").strip()
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
        timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        try:
            return httpx.Client(headers=headers, timeout=timeout, follow_redirects=True)
        except (ImportError, OSError, ValueError) as error:  # an unusable proxy or certificate file
            raise SourceError(f"the network settings cannot be used: {_why(error)}") from error


def _retries(error: Exception, elapsed_s: float) -> int:
    """Return the number of retries in a row that are allowed after this error. An unreachable host gets at most one."""
    if isinstance(error, httpx.UnsupportedProtocol):
        return 0
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return CONNECT_RETRIES if elapsed_s < CONNECT_TIMEOUT_S else 0
    return RETRIES


def _why(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S:g} s"
    if isinstance(error, httpx.ReadTimeout):
        return f"no data for {READ_TIMEOUT_S:g} s"
    if isinstance(error, httpx.ConnectError):
        return f"cannot be reached ({error})"
    return " ".join(str(error).split()) or type(error).__name__


def _stream(client: httpx.Client, url: str, partial: Partial, on_bytes: Callable[[int], None]) -> None:
    """Request the missing bytes once and append them to `partial`.

    Raises:
        SourceError: the request failed and a retry cannot succeed.
        _RetryableError: the request failed and a retry may succeed.
        httpx.TransportError: the connection failed.
    """
    headers = {"Range": f"bytes={partial.size}-"} if partial.size else {}
    with client.stream("GET", url, headers=headers) as response:
        _check_response(response, partial)
        for data in response.iter_raw():
            partial.append(data)
            on_bytes(partial.size)
    if not partial.complete:
        raise _RetryableError(f"the response ended after {partial.size:,} of {partial.total:,} bytes")


def _check_response(response: httpx.Response, partial: Partial) -> None:
    """Check the status and headers of a response. Empty `partial` if the response starts at the first byte."""
    status = response.status_code
    if status in (401, 403):
        raise SourceError(f"access denied ({status}); if the hub requires an account, set HF_TOKEN")
    if status == 404:
        raise SourceError("the file does not exist (404)")
    if status == 416 and partial.size:
        partial.restart()
        raise _RetryableError("the server rejected the requested range (416)")
    if status == 429 or status >= 500:
        raise _RetryableError(f"the server is temporarily unavailable ({status})")
    if status not in (200, 206):
        raise SourceError(f"unexpected status ({status})")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise SourceError("the response is a web page, not the file; it may be a sign-in page of this network")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceError("the server or a proxy compresses the file, so the download could not be resumed")
    begin, total = _content_range(response)
    if total not in (None, partial.total):
        raise SourceError(f"the file has {total:,} bytes instead of {partial.total:,}")
    if begin == 0 and partial.size:
        partial.restart()
    elif begin != partial.size:
        raise SourceError(f"the response starts at byte {begin:,} instead of byte {partial.size:,}")


def _content_range(response: httpx.Response) -> tuple[int, int | None]:
    """Return the offset of a response's first byte in the file, and the size of the file (None if not given)."""
    if response.status_code == 206:
        span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        begin = span.partition("-")[0].strip()
        if not begin.isdecimal():
            raise SourceError("the response is a part of the file, but does not say which part")
        return int(begin), int(total) if total.isdecimal() else None
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None
