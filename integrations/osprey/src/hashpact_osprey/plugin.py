"""What Osprey loads: the function `HashpactCheck`. Osprey reads the annotations at run time."""

from collections.abc import Sequence
from typing import Any, List, Type  # noqa: UP035 - Osprey displays and checks these

from osprey.engine.executor.execution_context import ExecutionContext
from osprey.engine.udf.arguments import ArgumentsBase
from osprey.engine.udf.base import UDFBase
from osprey.worker.adaptor.plugin_manager import hookimpl_osprey

from hashpact_osprey.checking import labels_near, shared_client


class HashpactCheckArguments(ArgumentsBase):
    """A fingerprint."""

    type: str
    """The fingerprint type, such as pdq/1."""
    value: str
    """Its bytes in hex."""


class HashpactCheck(UDFBase[HashpactCheckArguments, List[str]]):  # noqa: UP006 - as above
    """The labels of the shared entries near a fingerprint; an empty list if there are none."""

    category = "Hashpact"
    execute_async = True

    def execute(
        self,
        execution_context: ExecutionContext,  # noqa: ARG002 - Osprey passes it
        arguments: HashpactCheckArguments,
    ) -> List[str]:  # noqa: UP006 - as above
        """Ask the clearinghouse."""
        return labels_near(shared_client(), arguments.type, arguments.value)


@hookimpl_osprey
def register_udfs() -> Sequence[Type[UDFBase[Any, Any]]]:  # noqa: UP006 - as above
    """The functions of this package."""
    return [HashpactCheck]
