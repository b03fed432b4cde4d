"""Settings from the environment: ``SHARDWISE_*`` first, then the tutorial's names, then defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.run.errors import TerminalError

SAMPLE_DATA = Path(__file__).resolve().parents[2] / "sample_data"


class Settings(BaseSettings):
    """What a run uses when nobody says otherwise.

    Attributes:
        data_url: Folder of the data: ``SHARDWISE_DATA_URL``, ``DATA_DIR``, or none.
        store_url: Where runs live: ``SHARDWISE_STORE_URL``, or ``.shardwise`` in the current folder.
        num_shards: ``SHARDWISE_NUM_SHARDS``, ``NUM_SHARDS``, or 10.
    """

    model_config = SettingsConfigDict(env_ignore_empty=True)

    data_url: str = Field(default="", validation_alias=AliasChoices("SHARDWISE_DATA_URL", "DATA_DIR"))
    store_url: str = Field(default=".shardwise", validation_alias="SHARDWISE_STORE_URL")
    num_shards: int = Field(default=10, validation_alias=AliasChoices("SHARDWISE_NUM_SHARDS", "NUM_SHARDS"))

    @classmethod
    def read(cls) -> Self:
        """The settings of this process.

        Raises:
            TerminalError: Naming the variable, its value and what is wrong with it.
        """
        try:
            return cls()
        except ValidationError as error:
            first = error.errors()[0]
            raise TerminalError(f"{first['loc'][0]} is {first['input']!r:.80}: {first['msg']}") from error
