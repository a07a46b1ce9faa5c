"""Combines two Python executors. The first that can confine a program runs it; if none can, Python is unavailable."""

from cfo_kernel.errors import PythonUnavailable
from cfo_kernel.executors.python_executor import PythonCall, PythonExecutor, PythonResult


class FallbackExecutor:
    """Uses `first`, or `second` if the first cannot confine a program. A program never runs twice."""

    def __init__(self, first: PythonExecutor, second: PythonExecutor) -> None:
        self._first = first
        self._second = second

    async def run(self, call: PythonCall) -> PythonResult:
        """See `PythonExecutor`. If neither executor can confine the program, the error names both reasons."""
        try:
            return await self._first.run(call)
        except PythonUnavailable as first:
            try:
                return await self._second.run(call)
            except PythonUnavailable as second:
                reasons = f"{first.message} {second.message}"
                raise PythonUnavailable(reasons) from second

    async def close(self) -> None:
        """See `PythonExecutor`."""
        await self._first.close()
        await self._second.close()
