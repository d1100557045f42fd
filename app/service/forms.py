"""Forms with a file, as `curl -F file=@run.mzML` and browsers send them: its bytes, as they come."""

import logging
from collections.abc import AsyncIterator

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from data.errors import InputError

FILE_FIELD = "file"

MOST_AROUND_BYTES = 64 * 2**10
"""Of boundaries and headers around the file."""

logging.getLogger("python_multipart").setLevel(logging.CRITICAL)  # it would log each bad form; the client is told


class FormError(InputError):
    """A form that is damaged, or does not hold one file alone."""


class FormFile:
    """The one file of a form.

    Parameters
    ----------
    content_type : the request's header, which names the boundary.

    Attributes
    ----------
    name : the file's as it was sent, once `stream` has come to it.
    """

    def __init__(self, content_type: str) -> None:
        self.name = ""
        self._boundary = parse_options_header(content_type)[1].get(b"boundary", b"")
        self._has_file = False
        self._is_whole = False
        self._disposition = b""
        self._field, self._value = b"", b""
        self._data: list[bytes] = []

    async def stream(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The file's bytes.

        Raises
        ------
        FormError : the form is damaged or cut off, or holds anything but one file in the field `file`.
        """
        parser = self._parser()
        async for chunk in body:
            try:
                parser.write(chunk)
            except FormParserError as error:
                raise FormError(f"the form is damaged ({error})") from None
            yield b"".join(self._data)
            self._data.clear()
        if not self._is_whole:
            raise FormError("the form is cut off", remedy="Send it again")
        if not self._has_file:
            raise FormError(f"the form holds no file; send it in the field '{FILE_FIELD}'")

    def _parser(self) -> MultipartParser:
        if not self._boundary:
            raise FormError("the form's Content-Type names no boundary")
        try:
            return MultipartParser(
                self._boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._more_field,
                    "on_header_value": self._more_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._check_part,
                    "on_part_data": lambda data, start, end: self._data.append(data[start:end]),
                    "on_end": self._end,
                },
            )
        except FormParserError as error:  # a boundary that is too long
            raise FormError(str(error)) from None

    def _begin(self) -> None:
        self._disposition = b""

    def _more_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _more_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._field.lower() == b"content-disposition":
            self._disposition = self._value
        self._field, self._value = b"", b""

    def _check_part(self) -> None:
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        field = options.get(b"name", b"").decode(errors="replace")
        if field != FILE_FIELD:
            raise FormError(f"the form has the field '{field[:50]}'; send the file alone, in the field '{FILE_FIELD}'")
        if not options.get(b"filename"):
            raise FormError(f"the field '{FILE_FIELD}' holds no file", remedy="With curl: -F file=@run.mzML")
        if self._has_file:
            raise FormError("the form holds more than one file", remedy="Send each in a request of its own")
        self._has_file = True
        self.name = options[b"filename"].decode(errors="replace")

    def _end(self) -> None:
        self._is_whole = True
