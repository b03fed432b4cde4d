"""What a file system tells of a file that names its content, so that the content is the same as long as the name is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Hashes and revisions, as fsspec's file systems spell them, without case and punctuation. All else (times, sizes, CRCs
# of archives) can stay the same while the content changes, and so can a key that is not listed here.
_NAMES_OF_CONTENT = (
    "etag",  # S3, GCS, Azure, OSS, OCI, HTTP, WebDAV
    "versionid",  # S3, Azure
    "generation",  # GCS
    "contentmd5",  # HTTP, Azure
    "md5hash",  # GCS
    "md5checksum",  # Google Drive
    "md5",  # OCI
    "contenthash",  # Dropbox
    "checksum",  # lakeFS
    "digest",  # HTTP
    "sha",  # GitHub, gists
    "sha1",  # Box
    "hex",  # git
    "blobid",  # Hugging Face
)
_UNVERSIONED = "null"  # the version of every object in a bucket that keeps no versions


def content_tag(info: Mapping[str, Any]) -> str:
    """The tag of a file's content in an entry of fsspec; empty where the entry has none that is reliable."""
    told = {re.sub(r"[^a-z0-9]", "", str(key).lower()): value for key, value in info.items()}
    tags = (str(told[name]) for name in _NAMES_OF_CONTENT if told.get(name))
    return next((tag for tag in tags if _is_reliable(tag, told.get("size"))), "")


def _is_reliable(tag: str, size: int | None) -> bool:
    """Whether a tag changes with every byte: no weak ETag, nor one of the size and a time in seconds, as nginx has."""
    if tag.startswith("W/") or tag == _UNVERSIONED:
        return False
    return size is None or f"{size:x}" not in tag.strip('"').lower().split("-")
