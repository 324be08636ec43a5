# Written by tools/make_stubs.py from the compiled extension: do not edit.
"""
The C++ engine of symbind.
"""
from __future__ import annotations
import collections.abc
import numpy
import typing
__all__: list[str] = ['Executor', 'MXNetError', 'NDArray', 'SparseNDArray', 'Symbol', 'copy_to', 'cut_subgraph', 'describe_op', 'group', 'has_onednn', 'invoke', 'invoke_any', 'list_ops', 'load_ndarrays', 'load_ndarrays_buffer', 'make_op', 'multi_update', 'ndarray_from_bytes', 'ndarray_to_bytes', 'next_random_stream', 'num_threads', 'op_inputs', 'profiler_events', 'random_state', 'save_ndarrays', 'seed', 'set_custom_handler', 'set_profiler', 'set_random_state', 'sparse_from_dense', 'symbol_from_json', 'symbol_load', 'symbol_to_json', 'variable', 'visible_ops']
has_onednn: bool = True

class Executor:
    """
    A symbol bound to arrays.
    """

    def __init__(self, symbol: Symbol, device_type: typing.SupportsInt | typing.SupportsIndex, device_id: typing.SupportsInt | typing.SupportsIndex, args: list, grads: list, grad_reqs: collections.abc.Sequence[str], aux: list, shared: Executor, output_memory: list=[], compute_dtype: str='float32') -> None:
        ...

    def backward(self, head_grads: list=[]) -> None:
        ...

    def debug_str(self) -> str:
        ...

    def forward(self, is_train: bool) -> None:
        ...

    def forward_backward(self, head_grads: collections.abc.Sequence[NDArray]=[]) -> None:
        ...

    def memory_report(self) -> dict:
        ...

    def outputs(self) -> list:
        ...

    def set_monitor(self, callback: typing.Any, all: bool) -> None:
        ...

class MXNetError(RuntimeError):
    """
    Raised by the engine: bad shapes, unknown operators, unreadable files.
    """

class NDArray:
    """
    A dense array of the engine; copies of the handle share its memory.
    """

    def __init__(self, shape: typing.Any, dtype: typing.SupportsInt | typing.SupportsIndex, device_type: typing.SupportsInt | typing.SupportsIndex=1, device_id: typing.SupportsInt | typing.SupportsIndex=0, zero: bool=False) -> None:
        ...

    def at(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> NDArray:
        ...

    @property
    def context(self) -> tuple[int, int]:
        ...

    @typing.overload
    def copy_from(self, source: NDArray) -> None:
        ...

    @typing.overload
    def copy_from(self, source: SparseNDArray) -> None:
        ...

    def copy_from_numpy(self, source: numpy.ndarray) -> None:
        ...

    @property
    def dtype(self) -> int:
        ...

    def edit_numpy(self) -> numpy.ndarray:
        """
        The same for writing at once, not to be handed out.
        """

    def fill(self, value: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...

    @staticmethod
    def from_numpy(array: numpy.ndarray) -> NDArray:
        """
        Shares the memory of a C-contiguous array.
        """

    @property
    def nbytes(self) -> int:
        ...

    @property
    def ndim(self) -> int:
        ...

    def peek_numpy(self) -> numpy.ndarray:
        """
        The same for reading, not to be handed out.
        """

    def placed_on(self, device_type: typing.SupportsInt | typing.SupportsIndex, device_id: typing.SupportsInt | typing.SupportsIndex) -> NDArray:
        """
        The same memory under the name of another device, which shares it.
        """

    def reshape(self, shape: typing.Any) -> NDArray:
        """
        A view of the same memory.
        """

    def same_memory(self, arg0: NDArray) -> bool:
        ...

    @property
    def shape(self) -> tuple:
        ...

    @property
    def size(self) -> int:
        ...

    def slice(self, begin: typing.SupportsInt | typing.SupportsIndex, end: typing.SupportsInt | typing.SupportsIndex) -> NDArray:
        """
        A view of rows begin..end of the first axis.
        """

    def to_numpy(self) -> numpy.ndarray:
        """
        A copy of the values.
        """

    def view_numpy(self) -> numpy.ndarray:
        """
        A NumPy array over the same memory, to hand to anybody.
        """

    def with_context(self, arg0: typing.SupportsInt | typing.SupportsIndex, arg1: typing.SupportsInt | typing.SupportsIndex) -> NDArray:
        ...

class SparseNDArray:
    """
    A csr or row_sparse array of the engine.
    """

    def __init__(self, stype: str, shape: typing.Any, dtype: typing.SupportsInt | typing.SupportsIndex, device_type: typing.SupportsInt | typing.SupportsIndex=1, device_id: typing.SupportsInt | typing.SupportsIndex=0) -> None:
        ...

    def check_format(self, full: bool) -> None:
        ...

    def clear(self) -> None:
        ...

    @property
    def context(self) -> tuple[int, int]:
        ...

    def converted(self, dtype: typing.SupportsInt | typing.SupportsIndex, device_type: typing.SupportsInt | typing.SupportsIndex, device_id: typing.SupportsInt | typing.SupportsIndex) -> SparseNDArray:
        """
        A copy with this dtype on this device.
        """

    def copy_from(self, arg0: typing.Any) -> None:
        ...

    def copy_from_numpy(self, arg0: typing.Any) -> None:
        ...

    def copy_rows(self, from_array: SparseNDArray, begin: typing.SupportsInt | typing.SupportsIndex, end: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...

    @property
    def count(self) -> int:
        ...

    @property
    def data(self) -> NDArray:
        """
        A copy.
        """

    @property
    def dtype(self) -> int:
        ...

    def fill(self, value: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...

    @staticmethod
    def from_parts(stype: str, shape: typing.Any, data: NDArray, indices: NDArray, indptr: typing.Any, device_type: typing.SupportsInt | typing.SupportsIndex=1, device_id: typing.SupportsInt | typing.SupportsIndex=0) -> SparseNDArray:
        """
        Copies the parts; fails unless their sizes fit and indices are in range.
        """

    @property
    def indices(self) -> NDArray:
        """
        A copy.
        """

    @property
    def indptr(self) -> NDArray:
        """
        A copy.
        """

    @property
    def ndim(self) -> int:
        ...

    def placed_on(self, arg0: typing.SupportsInt | typing.SupportsIndex, arg1: typing.SupportsInt | typing.SupportsIndex) -> SparseNDArray:
        ...

    @property
    def shape(self) -> tuple:
        ...

    @property
    def size(self) -> int:
        ...

    def slice(self, begin: typing.SupportsInt | typing.SupportsIndex, end: typing.SupportsInt | typing.SupportsIndex) -> SparseNDArray:
        """
        Rows of a csr array.
        """

    @property
    def stype(self) -> str:
        ...

    def to_dense(self) -> NDArray:
        ...

    def to_numpy(self) -> typing.Any:
        ...

class Symbol:
    """
    A graph: one or more outputs of nodes.
    """

    def __len__(self) -> int:
        ...

    def attr(self, arg0: str) -> typing.Any:
        ...

    def attr_dict(self) -> list:
        ...

    def compose(self, arg0: str, arg1: collections.abc.Sequence[Symbol], arg2: dict) -> Symbol:
        ...

    def copy(self) -> Symbol:
        ...

    def get_children(self) -> Symbol:
        ...

    def get_internals(self) -> Symbol:
        ...

    def heads(self) -> list:
        """
        (node, output) of every output, numbered as in nodes().
        """

    def infer_for_bind(self, shapes: dict, dtypes: dict, unknown: typing.SupportsInt | typing.SupportsIndex=0) -> tuple:
        ...

    def infer_shape(self, shapes: dict, partial: bool, unknown: typing.SupportsInt | typing.SupportsIndex=0) -> tuple:
        ...

    def infer_storage(self, shapes: dict, dtypes: dict, stypes: collections.abc.Mapping[str, str], wrt: collections.abc.Sequence[str], unknown: typing.SupportsInt | typing.SupportsIndex=0) -> tuple:
        """
        (storage types of the gradients of `wrt`, of the outputs), for arguments stored as `stypes` says.
        """

    def infer_type(self, dtypes: dict) -> tuple:
        ...

    def list_arguments(self) -> list[str]:
        ...

    def list_attr(self) -> dict[str, str]:
        ...

    def list_auxiliary_states(self) -> list[str]:
        ...

    def list_inputs(self) -> list[str]:
        ...

    def list_outputs(self) -> list[str]:
        ...

    def may_be_sparse(self) -> bool:
        """
        Whether an operator makes sparse values out of dense ones.
        """

    def name(self) -> typing.Any:
        ...

    def nodes(self) -> list:
        """
        (op, name, attrs, inputs) of every node in topological order.
        """

    def output(self, arg0: typing.SupportsInt | typing.SupportsIndex) -> Symbol:
        ...

    def same_node(self, arg0: Symbol) -> bool:
        ...

    def set_attr(self, arg0: str, arg1: str) -> None:
        ...

    def variable_storage(self) -> dict[str, str]:
        """
        What `__storage_type__` of each variable says.
        """

def copy_to(target: NDArray, source: NDArray) -> None:
    """
    Copies values, converting the dtype; shapes must agree.
    """

def cut_subgraph(arg0: Symbol, arg1: str) -> tuple[Symbol, list[Symbol]]:
    """
    The part of a symbol that was made under __subgraph_name__, and what its variables stand for.
    """

def describe_op(name: str) -> dict:
    ...

def group(arg0: collections.abc.Sequence[Symbol]) -> Symbol:
    ...

def invoke(op: str, inputs: collections.abc.Sequence[NDArray], attrs: collections.abc.Mapping[str, str], out: collections.abc.Sequence[NDArray]=[], is_train: bool=False, device_type: typing.SupportsInt | typing.SupportsIndex=1, device_id: typing.SupportsInt | typing.SupportsIndex=0) -> list[NDArray]:
    ...

def invoke_any(op: str, inputs: list, attrs: collections.abc.Mapping[str, str], out: list=[], is_train: bool=False, device_type: typing.SupportsInt | typing.SupportsIndex=1, device_id: typing.SupportsInt | typing.SupportsIndex=0) -> list:
    """
    `invoke` where inputs or outputs may be sparse arrays.
    """

def list_ops() -> list[str]:
    """
    Names and aliases of all operators, internal ones included.
    """

def load_ndarrays(path: typing.Any, strict: bool=False) -> tuple:
    """
    Read a file of arrays: (arrays, names, warnings); names is empty for a list. strict: bytes after the end are an error. MXNetError names the file, the entry and the byte.
    """

def load_ndarrays_buffer(bytes: typing.Any, label: str='buffer', strict: bool=False) -> tuple:
    """
    The same from an object with a buffer.
    """

def make_op(op: str, name: str, attrs: collections.abc.Mapping[str, str], positional: collections.abc.Sequence[Symbol], named: dict, subgraphs: collections.abc.Sequence[Symbol]=[]) -> Symbol:
    ...

def multi_update(kind: str, weights: list, grads: list, states: list, lrs: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], wds: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex], hyper: collections.abc.Sequence[typing.SupportsFloat | typing.SupportsIndex]) -> None:
    """
    One optimizer step for all parameters.
    """

def ndarray_from_bytes(bytes: typing.Any, label: str='bytes') -> typing.Any:
    """
    The array of one record.
    """

def ndarray_to_bytes(array: typing.Any) -> bytes:
    """
    The array as one record of MXNet's format, as pickled arrays and optimizer states hold it.
    """

def next_random_stream() -> int:
    """
    Takes one number of the engine's stream, for generators outside of it.
    """

def num_threads() -> int:
    """
    The number of OpenMP threads kernels may use.
    """

def op_inputs(op: str, attrs: collections.abc.Mapping[str, str]) -> list[str]:
    """
    The names of the inputs that an operator has with these attributes.
    """

def profiler_events() -> list:
    """
    What was recorded since the last call: (operator, node, start, end, thread), times in nanoseconds.
    """

def random_state() -> tuple[int, int]:
    """
    (seed, number of draws so far): what set_random_state needs to continue the stream.
    """

def save_ndarrays(path: typing.Any, arrays: list, names: collections.abc.Sequence[str]) -> None:
    """
    Write arrays, with a name for each or an empty list of names, so that the file appears only when complete.
    """

def seed(seed: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Restarts the engine's random stream.
    """

def set_custom_handler(make_prop: collections.abc.Callable) -> None:
    """
    Sets the function (op_type, attributes) -> object that makes Custom operators.
    """

def set_profiler(active: bool) -> None:
    """
    Starts or pauses recording how long every operator takes.
    """

def set_random_state(seed: typing.SupportsInt | typing.SupportsIndex, stream: typing.SupportsInt | typing.SupportsIndex) -> None:
    ...

def sparse_from_dense(stype: str, dense: NDArray) -> SparseNDArray:
    ...

def symbol_from_json(text: str, label: str) -> tuple:
    """
    Read a symbol from JSON text (str or UTF-8 bytes) of any MXNet release: (Symbol, warnings). `label` names the text in errors. MXNetError names the node or byte.
    """

def symbol_load(path: typing.Any) -> tuple:
    """
    Read a symbol file: (Symbol, warnings). MXNetError names the file and the node or byte.
    """

def symbol_to_json(symbol: Symbol, remove_amp_cast: bool=False) -> str:
    """
    The JSON text that MXNet 1.9.1 writes for the symbol.
    """

def variable(arg0: str, arg1: collections.abc.Mapping[str, str]) -> Symbol:
    ...

def visible_ops() -> list:
    ...
