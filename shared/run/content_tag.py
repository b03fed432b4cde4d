"""Finds a tag in a file system's information that identifies a file's content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Hashes and revisions as fsspec's file systems spell them, without case and punctuation. Other values (times, sizes,
# CRCs of archives) can stay the same when the content changes.
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
_UNVERSIONED = "null"  # the version of every object in a bucket without versions


def content_tag(info: Mapping[str, Any]) -> str:
    """Return the tag of a file's content from an entry of fsspec; empty if there is no reliable one."""
    told = {re.sub(r"[^a-z0-9]", "", str(key).lower()): value for key, value in info.items()}
    tags = (str(told[name]) for name in _NAMES_OF_CONTENT if told.get(name))
    return next((tag for tag in tags if _is_reliable(tag, told.get("size"))), "")


def _is_reliable(tag: str, size: int | None) -> bool:
    """Whether a tag changes with every byte. Weak ETags do not, nor do nginx's, made of size and time in seconds."""
    if tag.startswith("W/") or tag == _UNVERSIONED:
        return False
    return size is None or f"{size:x}" not in tag.strip('"').lower().split("-")
