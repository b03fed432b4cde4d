"""What ``--allow`` allows: a line, a task, a kind of experiment, a task with a kind, or unchecked tasks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.check.record import Finding

NOT_CHECKED = "not-checked"


@dataclass(frozen=True)
class Allowed:
    """The values of ``--allow``, such as ``etl.py:41``, ``load``, ``overlap``, ``load/overlap`` or ``not-reached``."""

    texts: tuple[str, ...]

    @property
    def not_checked(self) -> bool:
        """Whether tasks that are not followed are allowed."""
        return NOT_CHECKED in self.texts

    def includes(self, finding: Finding) -> bool:
        """Whether a finding is allowed completely."""
        names = {finding.task, finding.verdict.value.replace(" ", "-")}
        names |= {f"{finding.file}:{line}" for line in (finding.line, finding.before_line) if line > 0}
        if names & set(self.texts):
            return True
        return all({kind.value, f"{finding.task}/{kind.value}"} & set(self.texts) for kind in finding.kinds)
