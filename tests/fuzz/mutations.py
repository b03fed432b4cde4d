"""What goes wrong with files: bytes, cells, rows, headers, exports, and rows at the ends of a reader's buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Mutation = Callable[[Random, bytes], bytes]

BUFFER = 600  # bytes that DuckDB reads at a time, where a fuzzed run has small buffers
NEAR = 130  # bytes around the end of a buffer: a row
BOM = b"\xef\xbb\xbf"
BITS = [
    b'"',
    b'""',
    b",",
    b"\n",
    b"\r",
    b"\r\n",
    b"\0",
    b" ",
    b'" ',
    b' "',
    b"\t",
    b"\xff",
    b"\xe9",
    BOM,
    b"=",
    b"'",
    b";",
]
CELLS = [
    *("", " ", "NA", "-5", "12.7", "1e3", "0x1F", "nan", "101", "99999999999999999999", "2026-02-30", "2026-1-1", " 7"),
    *('"two\nlines"', '"two\r\nlines"', '"a, b"', '"say ""x"""', '""', '"', 'x"y', ' "x"', '  "x"', '"x" ', '"x"y'),
    *(
        '"x" "y"',
        '"dear, all\n,,,,,,\nx"',
        "=1+1",
        "@x",
        "é名🙂",
        "\x85",
        "\xa0x",
        "\ufeffx",
        "\0",
        "x\0y",
        "x" * 1_200,
    ),
    *('"\n\n"', '"x\n', "cust_00000001", " cust_00000002 ", "\u200bcust_00000003\u2060", "\u200b", "\u3000x", "x\xad"),
]

UNSEEN = ["\u200b", "\u200e", "\u2060", "\u00ad", "\ufeff", "\u061c", "\U000e0041", "\u2028", "\u00a0", "\u180e", " "]
BREAKS = [
    *(
        b'b,"closed"x,2,3,4,5,6\n',
        b'"closed"x',
        b"b,e\n",
        b"b,,,,,,,,,,,,\n",
        b"\xff",
        b'b,$7"a, b",,,,,,\n',
        b'"',
        b'""',
    ),
    *(
        b"\n",
        b"\n\n",
        b"p" * 17,
        b"b," + b"x" * BUFFER + b",\n",
        b'b,"x\n\n\ny",,,,,,,\n',
        b'b,"' + b"x\n" * BUFFER + b'",\n',
    ),
]


def _splice(draw: Random, content: bytes, put: bytes, *, cut: int = 0) -> bytes:
    place = draw.randrange(len(content) + 1)
    return content[:place] + put + content[place + cut :]


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines(keepends=True)


def flip_byte(draw: Random, content: bytes) -> bytes:
    """One byte is another."""
    return _splice(draw, content, bytes([draw.randrange(256)]), cut=1)


def insert_bits(draw: Random, content: bytes) -> bytes:
    """One to three bits that mean something to a reader come in."""
    for _ in range(draw.choice([1, 1, 2, 3])):
        content = _splice(draw, content, draw.choice(BITS))
    return content


def cut_bytes(draw: Random, content: bytes) -> bytes:
    """Some bytes are lost."""
    return _splice(draw, content, b"", cut=draw.randrange(1, 60))


def cut_end(draw: Random, content: bytes) -> bytes:
    """The file was not written completely."""
    return content[: draw.randrange(len(content) + 1)]


def change_cell(draw: Random, content: bytes) -> bytes:
    """Cells of a column have odd text."""
    lines = _lines(content)
    for _ in range(draw.choice([1, 1, 3])):
        if len(lines) > 1:
            row = draw.randrange(1, len(lines))
            end = lines[row][len(lines[row].rstrip(b"\r\n")) :]
            cells = lines[row].rstrip(b"\r\n").split(b",")
            cells[draw.randrange(len(cells))] = draw.choice(CELLS).encode()
            lines[row] = b",".join(cells) + end
    return b"".join(lines)


def move_lines(draw: Random, content: bytes) -> bytes:
    """A line comes twice, is lost, or is somewhere else."""
    lines = _lines(content)
    if not lines:
        return content
    line = lines[draw.randrange(len(lines))]
    if draw.random() < 0.5:
        lines.remove(line)
    if draw.random() < 0.7:
        lines.insert(draw.randrange(len(lines) + 1), line)
    return b"".join(lines)


def tear_cells(draw: Random, content: bytes) -> bytes:
    """A comma is missing before a quoted cell that has one, so that two cells are three, or are split elsewhere."""
    lines = _lines(content)
    for row in draw.sample(range(len(lines)), k=min(len(lines), draw.choice([1, 1, 3]))):
        cells = lines[row].split(b",")
        place = draw.randrange(len(cells))
        torn = draw.choice([b'$78.07"Table, Round"', b'x"y, z', b'a"b,c"d, "e', b'"a"b, "c"', b'a""b, c"'])
        cells[place : place + draw.choice([2, 2, 2, 1])] = [torn]
        lines[row] = b",".join(cells)
    return b"".join(lines)


def mark_ids(draw: Random, content: bytes) -> bytes:
    """Invisible characters are added around ids or inside them, or replace them."""
    lines = _lines(content)
    for row in draw.sample(range(len(lines)), k=min(len(lines), draw.choice([1, 2, 5]))):
        customer, comma, rest = lines[row].partition(b",")
        first, last = (draw.choice(UNSEEN).encode() for _ in range(2))
        inside = customer[:3] + first + customer[3:]
        lines[row] = draw.choice([first + customer, customer + last, first + customer + last, inside, first]) + comma
        lines[row] += rest
    return b"".join(lines)


def break_at_buffer(draw: Random, content: bytes) -> bytes:
    """Near the ends of a reader's buffers rows are broken, or bytes come in that move a break there."""
    for end in range(BUFFER, len(content) + NEAR, BUFFER):
        place = min(max(end + draw.randrange(-NEAR, NEAR), 0), len(content))
        if draw.random() < 0.5:  # between two rows
            place = content.find(b"\n", place) + 1 or len(content)
        content = content[:place] + draw.choice(BREAKS) + content[place:]
    return content


def blank_lines(draw: Random, content: bytes) -> bytes:
    """Lines without text, or with white space alone."""
    lines = _lines(content)
    end = b"\r\n" if b"\r\n" in content else b"\n"
    for _ in range(draw.randrange(1, 4)):
        lines.insert(draw.randrange(len(lines) + 1), draw.choice([b"", b"", b" ", b",", b'""']) + end)
    return b"".join(lines)


def other_ends(draw: Random, content: bytes) -> bytes:
    """All lines, or one, end otherwise; or the last has no end."""
    end = draw.choice([b"\r\n", b"\r", b"\n"])
    lines = _lines(content)
    how = draw.randrange(3)
    if how == 0:
        return content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", end)
    if how == 1 and lines:
        row = draw.randrange(len(lines))
        lines[row] = lines[row].rstrip(b"\r\n") + end
    return b"".join(lines) if how == 1 else content.rstrip(b"\r\n")


def swallow_rows(draw: Random, content: bytes) -> bytes:
    """A quote opens before a cell of a row and closes behind one of this or a later row."""
    places = [place for place in range(len(content)) if content[place : place + 1] in {b",", b"\n"}]
    if len(places) < 3:
        return content
    first, last = sorted(draw.sample(places, k=2))
    return content[: first + 1] + b'"' + content[first + 1 : last] + b'"' + content[last:]


def change_header(draw: Random, content: bytes) -> bytes:
    """A name is quoted, has a line break or space, is lost, comes twice, or is of a column that nobody knows."""
    header, *lines = _lines(content) or [b"\n"]
    names = header.rstrip(b"\r\n").split(b",")
    place = draw.randrange(len(names))
    name = names[place]
    odd = [
        b'"' + name + b'"',
        b" " + name + b" ",
        b"",
        b'"my\nnotes"',
        b'"my\r\nnotes"',
        b'"my, notes"',
        b"note",
        name.upper(),
    ]
    names[place] = draw.choice(odd)
    if draw.random() < 0.5:  # a further column, and the rows have it too
        names[place : place + 1] = [names[place], name]
        lines = [_with_cell(line, place, draw.choice([b"", b"x", b'"a\nb"', b"\xff"])) for line in lines]
    return b",".join(names) + header[len(header.rstrip(b"\r\n")) :] + b"".join(lines)


def _with_cell(line: bytes, place: int, cell: bytes) -> bytes:
    cells = line.split(b",")
    cells.insert(min(place, len(cells)), cell)
    return b",".join(cells)


def as_spreadsheet(draw: Random, content: bytes) -> bytes:
    """A byte order mark, CRLF, and every cell quoted or other separators: what spreadsheets write."""
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    if draw.random() < 0.3:
        lines = [
            b",".join(b'"' + cell + b'"' for cell in line.split(b",")) if b'"' not in line else line for line in lines
        ]
    if draw.random() < 0.1:
        lines.insert(0, b"sep=,")
    separator = draw.choice([b",", b",", b",", b",", b";", b"\t"])
    text = b"\r\n".join(line.replace(b",", separator) for line in lines)
    return (BOM if draw.random() < 0.5 else b"") + text


def other_encoding(draw: Random, content: bytes) -> bytes:
    """Latin-1, UTF-16, or UTF-8 with a byte order mark."""
    text = content.decode(errors="replace")
    return text.encode(draw.choice(["latin-1", "cp1252", "utf-16", "utf-16-le", "utf-8-sig", "utf-8-sig"]), "replace")


def joined(draw: Random, content: bytes) -> bytes:
    """The file comes twice, one behind the other, with a byte order mark between them."""
    return content + draw.choice([b"", BOM, b"\n"]) + content


def padded(draw: Random, content: bytes) -> bytes:
    """Commas at the end of lines, or spaces beside them."""
    lines = _lines(content)
    for row in draw.sample(range(len(lines)), k=min(len(lines), draw.randrange(1, 4))):
        text = lines[row].rstrip(b"\r\n")
        lines[row] = (
            draw.choice([text + b",", text + b",,", text.replace(b",", b", "), text + b" "]) + lines[row][len(text) :]
        )
    return b"".join(lines)


MUTATIONS: list[Mutation] = [  # those that leave most of a file readable come oftener
    *(flip_byte, insert_bits, cut_bytes, cut_end, move_lines, blank_lines, other_ends, other_encoding, joined),
    *(tear_cells, tear_cells, mark_ids, mark_ids, break_at_buffer, break_at_buffer, break_at_buffer),
    *(swallow_rows, swallow_rows, change_header, as_spreadsheet, as_spreadsheet, padded, padded),
    *[change_cell] * 8,
]
