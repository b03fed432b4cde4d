"""Wraps functions of any kind so that each call is followed."""

from __future__ import annotations

import copy
import functools
import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from shared.tracing.plan import Action

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from shared.tracing.followed import FollowedRun

    Function = Callable[..., Any]
    Follow = Callable[..., FollowedRun]


def wrapped(function: Function, follow: Follow) -> Function:
    """Return a function of the same kind.

    Args:
        function: A plain function, coroutine, generator or asynchronous generator.
        follow: Called with the arguments of each call.
    """
    for is_one, form in (
        (inspect.isasyncgenfunction, _async_generator),
        (inspect.iscoroutinefunction, _coroutine),
        (inspect.isgeneratorfunction, _generator),
    ):
        if is_one(function):
            return functools.wraps(function)(form(function, follow))
    return functools.wraps(function)(_plain(function, follow))


def _plain(function: Function, follow: Follow) -> Function:
    def call(*args: Any, **named: Any) -> Any:  # noqa: ANN401 — any function's
        with follow(*args, **named) as run:
            spare = _spare(run, args, named)
            with run.active():
                run.begin()
                result = function(*args, **named)
            if run.end():
                with run.active():
                    return function(*spare[0], **spare[1])
            return result

    return call


def _coroutine(function: Function, follow: Follow) -> Function:
    async def call(*args: Any, **named: Any) -> Any:  # noqa: ANN401 — the same
        with follow(*args, **named) as run:
            spare = _spare(run, args, named)
            with run.active():
                run.begin()
                result = await function(*args, **named)
            if run.end():
                with run.active():
                    return await function(*spare[0], **spare[1])
            return result

    return call


def _generator(function: Function, follow: Follow) -> Function:
    def call(*args: Any, **named: Any) -> Generator[Any, Any, Any]:  # noqa: ANN401 — the same
        with follow(*args, **named) as run:
            spare = _spare(run, args, named)
            run.begin()
            result = yield from _steps(run, function(*args, **named))
            if run.end():
                with run.active():
                    for _ in function(*spare[0], **spare[1]):
                        pass
            return result

    return call


def _steps(run: FollowedRun, generator: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Yield what a generator yields; between its steps, other code runs in this thread and is not followed."""
    go_on: Callable[[], Any] = functools.partial(next, generator)
    while True:
        try:
            with run.active():
                value = go_on()
        except StopIteration as stop:
            return stop.value
        try:
            go_on = functools.partial(generator.send, (yield value))
        except GeneratorExit:
            generator.close()
            raise
        except BaseException as error:  # noqa: BLE001 — it belongs to the generator
            go_on = functools.partial(generator.throw, error)


def _async_generator(function: Function, follow: Follow) -> Function:
    async def call(*args: Any, **named: Any) -> AsyncGenerator[Any, Any]:  # noqa: ANN401 — the same
        with follow(*args, **named) as run:
            spare = _spare(run, args, named)
            run.begin()
            generator = function(*args, **named)
            go_on: Callable[[], Any] = functools.partial(anext, generator)
            while True:
                try:
                    with run.active():
                        value = await go_on()
                except StopAsyncIteration:
                    break
                try:
                    go_on = functools.partial(generator.asend, (yield value))
                except GeneratorExit:
                    await generator.aclose()
                    raise
                except BaseException as error:  # noqa: BLE001 — it belongs to the generator
                    go_on = functools.partial(generator.athrow, error)
            if run.end():
                with run.active():
                    async for _ in function(*spare[0], **spare[1]):
                        pass

    return call


def _spare(run: FollowedRun, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a copy of the arguments for a second call; arguments that cannot be copied are shared."""
    if run.plan.action is Action.TWICE:
        with suppress(Exception):
            return copy.deepcopy((args, named))
    return args, named
