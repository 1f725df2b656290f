"""Sources behind an address: JSON over HTTPS, page by page."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

from ..entities.reading.json_rows import Decoder
from ..project.check_table import SECRET
from ..system.deadline import Deadline
from ..system.typed import TYPE_CHECKING, Any, TomlTable
from .base import MORE_TIME, SourceError, SourceRow, excerpt, with_secrets
from .text import objects_in, row_of

if TYPE_CHECKING:
    from ..model.documents.checks import Unit

MAX_PAGES = 10_000
MAX_PAGE = 256 << 20  # bytes


class Http:
    """JSON over HTTPS; `next` names the field with the address of the next page, `rows` the one with the rows."""

    unit: "Unit" = "row"
    columns: list[str] | None = None

    def __init__(self, url: str, data: TomlTable) -> None:
        self.name = _shown(url)
        self.notes: list[str] = []
        self._url = url
        self._headers: dict[str, str] = data["headers"]
        self._rows: str | None = data["rows"]
        self._next: str | None = data["next"]
        self._seconds = data["timeout"] / 1000

    def rows(self) -> Iterator[SourceRow]:
        import httpx

        headers = {name: with_secrets(value) for name, value in self._headers.items()}
        url, number, visited = self._url, 0, {self._url}
        # A connection is used once: what ends an answer that takes too long has to know its socket.
        once = httpx.Limits(max_keepalive_connections=0)
        wanted = {"Accept": "application/json", **headers}
        with httpx.Client(timeout=self._seconds, headers=wanted, limits=once) as client:
            for _ in range(MAX_PAGES):
                page = self._page(client, url)
                for value in objects_in(_inside(page, self._rows), self.name, "name the field that has it: rows = …"):
                    number += 1
                    yield row_of(number, value)
                following = _inside(page, self._next) if self._next else None
                if not following:
                    return
                url = self._following(url, following)
                if url in visited:
                    raise SourceError(f"{self.name}: page {len(visited)} names one before it as the next")
                visited.add(url)
        raise SourceError(f"{self.name} has over {MAX_PAGES:,} pages", "does its next page ever end?")

    def _page(self, client: Any, url: str) -> Any:
        from json import detect_encoding

        import httpx

        deadline = Deadline(self._seconds)
        late = SourceError(f"{self.name} took over {self._seconds:g} s", MORE_TIME)
        body = b""
        try:
            with client.stream("GET", url, extensions={"trace": deadline.trace}) as answer:
                parts = []
                size = 0
                for part in answer.iter_bytes():
                    size += len(part)
                    parts.append(part)
                    if size > MAX_PAGE:
                        raise SourceError(f"{self.name} answered over {MAX_PAGE >> 20} MiB", "ask for smaller pages")
                body = b"".join(parts)
            deadline.check()  # a body without a length looks whole when its connection is ended
        except (httpx.TimeoutException, TimeoutError):
            raise late from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            if deadline.is_late:
                raise late from None
            hint = "look at the address and the network"
            raise SourceError(f"{self.name} cannot be read ({type(error).__name__})", hint) from None
        finally:
            deadline.close()
        if answer.status_code != 200:
            words = f"{self.name} answered {answer.status_code}: {self._excerpt(body)}".removesuffix(": ")
            raise SourceError(words, _HINTS.get(answer.status_code, ""))
        decoder = Decoder()
        try:
            page = decoder.decode(body.decode(detect_encoding(body)))
        except (ValueError, RecursionError):
            raise SourceError(f"{self.name} answered no JSON: {self._excerpt(body)}") from None
        if words := decoder.repeated():
            raise SourceError(f"{self.name} {words}")
        return page

    def _following(self, url: str, following: object) -> str:
        """Return the address of the next page; it gets our headers, so it must be of the same server."""
        found = urljoin(url, str(following))
        if urlsplit(found)[:2] != urlsplit(self._url)[:2]:
            raise SourceError(f"{self.name}: its next page is on another server, {urlsplit(found).netloc}")
        return found

    def _excerpt(self, body: bytes) -> str:
        text = body[:10_000].decode("utf-8", "replace")
        for value in self._headers.values():
            for name in SECRET.findall(value):
                text = text.replace(with_secrets(name), "[secret]")
        return excerpt(text)


_HINTS = {
    401: "look at `headers`",
    403: "look at `headers`",
    301: "write the address that it has now",
    302: "write the address that it has now",
    303: "write the address that it has now",
    307: "write the address that it has now",
    308: "write the address that it has now",
}


def _shown(url: str) -> str:
    """Return an address without its user and its query, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _inside(data: object, path: str | None) -> Any:
    for name in path.split(".") if path else ():
        data = data.get(name) if isinstance(data, dict) else None
    return data
