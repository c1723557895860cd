"""The first source of a model: its file in a Hugging Face repository, or in a mirror of that hub (`HF_ENDPOINT`)."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import httpx

from slm_lsp.models.catalogue import Entry
from slm_lsp.models.sources import Partial, SourceError, SourceName

ENDPOINT = "https://huggingface.co"
CONNECT_TIMEOUT_S = 5.0  # behind a firewall that drops packets, the next source should not be kept waiting
READ_TIMEOUT_S = 30.0  # without a single byte
RETRIES = 4  # in a row; a try that brought bytes worth keeping begins the count anew
CONNECT_RETRIES = 1
FIRST_PAUSE_S = 0.5  # doubled with each further try
WORTH_KEEPING_BYTES = 1 << 20


class _TryAgainError(Exception):
    """The server may do better next time; the text says what it did now."""


@dataclass(frozen=True)
class Hub:
    """The hub, reached as `environ` says: `HF_ENDPOINT` and `HF_TOKEN` here, proxies in httpx.

    Args:
        environ: the environment.
        sleep: pauses for so many seconds.
        monotonic: the time in seconds from any start.
    """

    environ: Mapping[str, str]
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    name: ClassVar[SourceName] = "hub"

    def scratch_bytes(self, entry: Entry) -> int:
        """Nothing besides the model."""
        return 0

    def fetch(self, entry: Entry, partial: Partial, report: Callable[[int], None]) -> None:
        """Append what `partial` lacks, going on after broken connections; see `Source.fetch`."""
        url, failures = self.url(entry), 0
        try:
            with self._client() as client:
                while not partial.complete:
                    begun_at, begun = partial.size, self.monotonic()
                    try:
                        _stream(client, url, partial, report)
                    except (httpx.TransportError, _TryAgainError) as error:
                        failures = 0 if partial.size - begun_at >= WORTH_KEEPING_BYTES else failures
                        if failures >= _retries(error, self.monotonic() - begun):
                            raise SourceError(f"{url}: {_why(error)}") from error
                        self.sleep(FIRST_PAUSE_S * 2**failures)
                        failures += 1
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceError(f"{url}: {_why(error)}") from error

    def url(self, entry: Entry) -> str:
        """Where the file is.

        Raises:
            SourceError: the hub does not have this model.
        """
        if entry.hub is None:
            raise SourceError("the catalogue names no file there")
        endpoint = self.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or ENDPOINT
        return f"{endpoint}/{entry.hub.repository}/resolve/{entry.hub.revision}/{entry.hub.file}"

    def _client(self) -> httpx.Client:
        token = self.environ.get("HF_TOKEN", "").strip()
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {token}"} if token else {})
        timeout = httpx.Timeout(READ_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        try:
            return httpx.Client(headers=headers, timeout=timeout, follow_redirects=True)
        except (ImportError, OSError, ValueError) as error:  # a proxy or a certificate file that cannot be used
            raise SourceError(f"the network settings cannot be used: {_why(error)}") from error


def _retries(error: Exception, took_s: float) -> int:
    """How often a failure may be tried again. No hub, no retries: a host that cannot be reached stays so."""
    if isinstance(error, httpx.UnsupportedProtocol):
        return 0
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
        return CONNECT_RETRIES if took_s < CONNECT_TIMEOUT_S else 0
    return RETRIES


def _why(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT_S:g} s"
    if isinstance(error, httpx.ReadTimeout):
        return f"nothing came for {READ_TIMEOUT_S:g} s"
    if isinstance(error, httpx.ConnectError):
        return f"cannot be reached ({error})"
    return " ".join(str(error).split()) or type(error).__name__


def _stream(client: httpx.Client, url: str, partial: Partial, report: Callable[[int], None]) -> None:
    """One request for what is missing.

    Raises:
        SourceError: asking again is of no use.
        _TryAgainError: it may be.
        httpx.TransportError: the connection broke.
    """
    headers = {"Range": f"bytes={partial.size}-"} if partial.size else {}
    with client.stream("GET", url, headers=headers) as response:
        _accept(response, partial)
        for data in response.iter_raw():
            partial.append(data)
            report(partial.size)
    if not partial.complete:
        raise _TryAgainError(f"the answer ended after {partial.size:,} of {partial.total:,} bytes")


def _accept(response: httpx.Response, partial: Partial) -> None:
    """Look at the head of an answer; empties `partial` if the answer begins at the file's first byte."""
    status = response.status_code
    if status in (401, 403):
        raise SourceError(f"access refused ({status}); if the hub asks for an account, set HF_TOKEN")
    if status == 404:
        raise SourceError("no such file there (404)")
    if status == 416 and partial.size:
        partial.restart()
        raise _TryAgainError("it has fewer bytes than were there already (416)")
    if status == 429 or status >= 500:
        raise _TryAgainError(f"the server is not able to answer now ({status})")
    if status not in (200, 206):
        raise SourceError(f"unexpected answer ({status})")
    if response.headers.get("Content-Type", "").startswith("text/html"):
        raise SourceError("the answer is a web page, not the file; perhaps a sign-in page of this network")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise SourceError("the file is repacked on its way, so that it cannot be resumed")
    begin, total = _place(response)
    if total not in (None, partial.total):
        raise SourceError(f"the file there has {total:,} bytes instead of {partial.total:,}")
    if begin == 0 and partial.size:
        partial.restart()
    elif begin != partial.size:
        raise SourceError(f"it sends from byte {begin:,} when asked from byte {partial.size:,}")


def _place(response: httpx.Response) -> tuple[int, int | None]:
    """The first byte that an answer sends, and the bytes of the whole file if it says so."""
    if response.status_code == 206:
        span, _, total = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
        begin = span.partition("-")[0].strip()
        if not begin.isdecimal():
            raise SourceError("it sends a part of the file without saying which")
        return int(begin), int(total) if total.isdecimal() else None
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None
