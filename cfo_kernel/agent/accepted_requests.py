"""Sends requests without the parameters that a model's server refuses."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from cfo_kernel.agent.refused_parameters import Body, refused, without

_MOST_REPEATS = 6

T = TypeVar("T")
E = TypeVar("E", bound=Exception)


class AcceptedRequests:
    """Removes from requests the parameters that a server refuses.

    Refused parameters are remembered for each model, but only once the server has accepted a request without them, so
    an error that happens to mention a parameter has no lasting effect.
    """

    def __init__(self) -> None:
        self._refused: dict[str, tuple[str, ...]] = {}

    async def send(
        self,
        body: Body,
        send: Callable[[Body], Awaitable[T]],
        errors: type[E],
        refusal: Callable[[E], tuple[int, object]],
    ) -> T:
        """Sends the request, and retries without the refused parameters until the server accepts it.

        `refusal` returns the status and the body of an error. Raises the error if it names no parameter that can be
        removed.
        """
        model = str(body.get("model"))
        names = self._refused.get(model, ())
        for _ in range(_MOST_REPEATS):
            reduced = without(body, names)
            try:
                answer = await send(reduced)
            except errors as error:
                more = refused(*refusal(error), reduced)
                if not more:
                    raise
                names = (*names, *more)
            else:
                self._refused[model] = names
                return answer
        return await send(without(body, names))
