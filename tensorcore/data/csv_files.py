"""Tables in text files: `tf.io.decode_csv`, `CsvDataset` and `make_csv_dataset`."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tensorcore import dtypes
from tensorcore.data.dataset import Dataset
from tensorcore.data.record_files import compression_of, names_of_files
from tensorcore.data.spec import TensorSpec
from tensorcore.data.texts import Texts, as_bytes, is_text, string
from tensorcore.errors import InvalidArgumentError
from tensorcore.tensor import as_tensor

KINDS = ("int32", "int64", "float32", "float64", "string")


class Column:
    """What the fields of a column are: dtype, and what stands for an empty field (None: nothing).

    Args:
        default: a value, a list with a value in it or nothing, a tensor of 0 or 1 elements, or a
            dtype, for fields that must not be empty.
    """

    def __init__(self, default: Any) -> None:
        if default is string or default in (str, bytes):
            self.kind, self.default = "string", None
        elif isinstance(default, (type, np.dtype)):
            self.kind, self.default = dtypes.as_dtype(default).name, None
        elif is_text(default) or (isinstance(default, Texts)):
            values = as_bytes(default).ravel()
            self.kind, self.default = "string", values[0] if len(values) else None
        else:
            array = as_tensor(default).numpy()
            self.kind = array.dtype.name
            self.default = array.ravel()[0] if array.size else None
        if self.kind not in KINDS:
            raise InvalidArgumentError(
                f"record_defaults: expected one of {', '.join(KINDS)}, received {self.kind}"
            )

    @property
    def dtype(self) -> Any:
        """The dtype of the column's values."""
        return string if self.kind == "string" else np.dtype(self.kind)

    def value(self, field: str, number: int, record: int, na_value: str) -> Any:
        """The value of a field; `number` and `record` are for the message."""
        if field in ("", na_value):
            if self.default is None:
                raise InvalidArgumentError(
                    f"Field {number} is required but missing in record {record}! Give the column a "
                    "default value"
                )
            return self.default
        if self.kind == "string":
            return field.encode()
        try:
            return np.dtype(self.kind).type(_number(field, self.kind))
        except (ValueError, OverflowError):
            raise InvalidArgumentError(
                f"Field {number} in record {record} is not a valid {self.kind}: {field}"
            ) from None


def _number(field: str, kind: str) -> int | float:
    if "_" in field:  # which Python takes between digits
        raise ValueError(field)
    return int(field) if kind.startswith("int") else float(field)


def _options(field_delim: str, use_quote_delim: bool) -> dict[str, Any]:
    quoting = csv.QUOTE_MINIMAL if use_quote_delim else csv.QUOTE_NONE
    return {"delimiter": field_delim, "quoting": quoting, "strict": True}


def _row(fields: Sequence[str], columns: Sequence[Column], chosen: Any, *others: Any) -> list[Any]:
    if chosen is None:
        if len(fields) != len(columns):
            raise InvalidArgumentError(
                f"Expect {len(columns)} fields but have {len(fields)} in record {others[0]}"
            )
        chosen = range(len(columns))
    elif max(chosen, default=-1) >= len(fields):
        raise InvalidArgumentError(
            f"Expect {max(chosen) + 1} fields or more but have {len(fields)} in record {others[0]}"
        )
    return [
        column.value(fields[number], number, *others)
        for column, number in zip(columns, chosen, strict=True)
    ]


def decode_csv(
    records: Any,
    record_defaults: Sequence[Any],
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
    name: str | None = None,
) -> list[Any]:
    """The fields of lines as tensors, one for each column.

    Args:
        records: texts of any shape, a line each.
        record_defaults: for each column what stands for an empty field, which says the dtype too;
            `[]` or a dtype for columns that must not be empty.
        field_delim: what stands between fields.
        use_quote_delim: whether double quotes hold fields together.
        na_value: a further text for empty fields.
        select_cols: the numbers of the columns that are wanted, in ascending order.

    >>> [column.numpy().tolist() for column in decode_csv(["1,2.5", "3,"], [[0], [0.5]])]
    [[1, 3], [2.5, 0.5]]
    """
    lines = as_bytes(records)
    columns = [Column(default) for default in record_defaults]
    options = _options(field_delim, use_quote_delim)
    rows = []
    for number, line in enumerate(lines.ravel()):
        try:
            fields = next(csv.reader([line.decode("utf-8")], **options), [])
        except csv.Error as error:
            raise InvalidArgumentError(f"record {number} is no line of CSV: {error}") from None
        rows.append(_row(fields, columns, select_cols, number, na_value))
    result = []
    for column, values in zip(columns, zip(*rows, strict=True), strict=True):
        flat = np.empty(len(values), object if column.kind == "string" else column.kind)
        flat[:] = values
        array = flat.reshape(lines.shape)
        result.append(Texts(array) if column.kind == "string" else as_tensor(array))
    return result


def _opened(name: str, compression: str, encoding: str = "utf-8") -> Any:
    if compression == "GZIP":
        return gzip.open(name, "rt", encoding=encoding, newline="")
    if compression == "ZLIB":
        import zlib

        with open(name, "rb") as file:
            return io.StringIO(zlib.decompress(file.read()).decode(encoding), newline="")
    return open(name, encoding=encoding, newline="")


def _rows(name: str, compression: str, header: bool, options: dict[str, Any]) -> Iterator[Any]:
    """(number of the record, fields) of each line of a file."""
    with _opened(name, compression) as file:
        reader = csv.reader(file, **options)
        if header:
            next(reader, None)
        number = 0
        try:
            for fields in reader:
                if fields:
                    yield number, fields
                    number += 1
        except csv.Error as error:
            raise InvalidArgumentError(f"{name}, record {number}: {error}") from None


def CsvDataset(
    filenames: Any,
    record_defaults: Sequence[Any],
    compression_type: Any = None,
    buffer_size: int | None = None,
    header: bool = False,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
    exclude_cols: Sequence[int] | None = None,
) -> Dataset:
    """The lines of CSV files, each a tuple of values; see `tf.io.decode_csv`.

    Args:
        filenames: one or several.
        header: whether the first line of each file is left out.
        select_cols, exclude_cols: the numbers of the columns that are wanted, or not.
    """
    names, compression = names_of_files(filenames), compression_of(compression_type)
    columns = [Column(default) for default in record_defaults]
    options = _options(field_delim, use_quote_delim)
    if select_cols is not None and exclude_cols is not None:
        raise InvalidArgumentError("CsvDataset: give select_cols or exclude_cols, not both")
    if select_cols is not None and list(select_cols) != sorted(set(select_cols)):
        raise InvalidArgumentError(
            f"CsvDataset: select_cols must be strictly increasing, received {list(select_cols)}"
        )
    if select_cols is not None and len(select_cols) != len(columns):
        raise InvalidArgumentError(
            f"CsvDataset: select_cols names {len(select_cols)} columns, record_defaults has "
            f"{len(columns)}"
        )

    def lines() -> Iterator[tuple[Any, ...]]:
        for name in names:
            for number, fields in _rows(name, compression, header, options):
                if exclude_cols is not None:
                    fields = [f for i, f in enumerate(fields) if i not in exclude_cols]
                yield tuple(_row(fields, columns, select_cols, number, na_value))

    return Dataset.from_generator(
        lines, output_signature=tuple(TensorSpec((), column.dtype) for column in columns)
    )


def make_csv_dataset(
    file_pattern: Any,
    batch_size: int,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[Any] | None = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: int | None = None,
    shuffle: bool = True,
    shuffle_buffer_size: int = 10000,
    shuffle_seed: int | None = None,
    prefetch_buffer_size: int | None = None,
    num_parallel_reads: int | None = None,
    sloppy: bool = False,
    num_rows_for_inference: int | None = 100,
    compression_type: Any = None,
    ignore_errors: bool = False,
    encoding: str = "utf-8",
) -> Dataset:
    """Batches of CSV files: a dict column name -> values, and with `label_name` the labels.

    Args:
        file_pattern: a file name, a pattern, or a list of them.
        batch_size: rows a batch.
        column_names: None takes them from the first line.
        column_defaults: what stands for empty fields, or dtypes; None finds dtypes in the first
            `num_rows_for_inference` rows (int32, int64, float32, float64 or string, whichever comes
            first that fits all), and takes 0 and "" for empty fields.
        label_name: the column that becomes the second part of the elements.
        select_columns: names or numbers of the columns that are wanted.
        num_epochs: passes over the files; None goes on for ever, without a shorter last batch.
        shuffle, shuffle_buffer_size, shuffle_seed: random order.
        ignore_errors: leave out lines that cannot be read.

    Example:
        data = tf.data.experimental.make_csv_dataset("titanic.csv", 5, label_name="survived")
    """
    names = _files(file_pattern)
    compression = compression_of(compression_type)
    options = _options(field_delim, use_quote_delim)
    if column_names is None:
        column_names = _names_of_columns(names, compression, header, options, encoding)
    column_names = list(column_names)
    repeated = {name for name in column_names if column_names.count(name) > 1}
    if repeated:
        raise InvalidArgumentError(
            "Either `column_names` argument or CSV header row contains duplicate column names: "
            f"{repeated}."
        )
    chosen = _numbers_of(select_columns, column_names)
    if column_defaults is None:
        kinds = _kinds(
            names, compression, header, options, chosen, na_value, num_rows_for_inference
        )
        column_defaults = [b"" if kind == "string" else np.zeros(1, kind) for kind in kinds]
    if len(column_defaults) != len(chosen):
        raise InvalidArgumentError(
            f"make_csv_dataset: column_defaults has {len(column_defaults)} entries for "
            f"{len(chosen)} columns; give one for each"
        )
    wanted = [column_names[number] for number in chosen]
    if label_name is not None and label_name not in wanted:
        raise InvalidArgumentError(
            f"`label_name` provided must be one of the columns: {wanted}. Received: {label_name}."
        )
    columns = [Column(default) for default in column_defaults]

    def lines() -> Iterator[tuple[Any, ...]]:
        for name in names:
            for number, fields in _rows(name, compression, header, options):
                if len(fields) != len(column_names) and not ignore_errors:
                    raise InvalidArgumentError(
                        f"{name}: Expect {len(column_names)} fields but have {len(fields)} in "
                        f"record {number}"
                    )
                try:
                    yield tuple(_row(fields, columns, chosen, number, na_value))
                except InvalidArgumentError:
                    if not ignore_errors:
                        raise

    signature = tuple(TensorSpec((), column.dtype) for column in columns)
    dataset = Dataset.from_generator(lines, output_signature=signature)
    if shuffle:
        dataset = dataset.shuffle(shuffle_buffer_size, shuffle_seed)
    if num_epochs != 1:
        dataset = dataset.repeat(num_epochs)
    dataset = dataset.batch(batch_size, drop_remainder=num_epochs is None)

    def by_name(*values: Any) -> Any:
        features = dict(zip(wanted, values, strict=True))
        return features if label_name is None else (features, features.pop(label_name))

    return dataset.map(by_name).prefetch(prefetch_buffer_size or 1)


def _files(pattern: Any) -> list[str]:
    import glob

    found: list[str] = []
    for name in names_of_files(pattern):
        found += [name] if os.path.isfile(name) else sorted(glob.glob(name))
    if not found:
        raise InvalidArgumentError(
            f"make_csv_dataset: no file matches {pattern!r}; the current folder is {os.getcwd()}"
        )
    return found


def _names_of_columns(
    names: Sequence[str], compression: str, header: bool, options: Any, encoding: str
) -> list[str]:
    if not header:
        raise InvalidArgumentError(
            "Expected `column_names` or `header` arguments. Neither is provided."
        )
    first: list[str] | None = None
    for name in names:
        with _opened(name, compression, encoding) as file:
            row = next(csv.reader(file, **options), None)
        if row is None:
            raise InvalidArgumentError(
                f"Failed when reading the header line of {name}. Is it an empty file?"
            )
        if first is not None and row != first:
            raise InvalidArgumentError(
                f"All input CSV files should have the same column names in the header row. File "
                f"{name} has different column names."
            )
        first = row
    return first or []


def _numbers_of(select: Sequence[Any] | None, names: Sequence[str]) -> list[int]:
    if select is None:
        return list(range(len(names)))
    numbers = []
    for column in select:
        if isinstance(column, str):
            if column not in names:
                raise InvalidArgumentError(
                    f"make_csv_dataset: there is no column {column!r}; there are {list(names)}"
                )
            numbers.append(list(names).index(column))
        else:
            numbers.append(int(column))
    if len(set(numbers)) != len(numbers) or not all(0 <= n < len(names) for n in numbers):
        raise InvalidArgumentError(
            f"make_csv_dataset: select_columns must name different columns of {list(names)}, "
            f"received {list(select)}"
        )
    return sorted(numbers)


def _kinds(
    names: Sequence[str],
    compression: str,
    header: bool,
    options: Any,
    chosen: Sequence[int],
    na_value: str,
    most: int | None,
) -> list[str]:
    """The narrowest dtype that holds what the first rows have in each column."""
    found: list[str | None] = [None] * len(chosen)
    seen = 0
    for name in names:
        for _, fields in _rows(name, compression, header, options):
            if most is not None and seen >= most:
                return [kind or "string" for kind in found]
            seen += 1
            for place, number in enumerate(chosen):
                if number < len(fields) and fields[number] not in ("", na_value):
                    found[place] = _kind(fields[number], found[place])
    return [kind or "string" for kind in found]


def _kind(field: str, least: str | None) -> str:
    kinds = KINDS[KINDS.index(least) if least is not None else 0 :]
    return next(kind for kind in kinds if _is(field, kind))


def _is(field: str, kind: str) -> bool:
    if kind == "string":
        return True
    try:
        if kind.startswith("int"):
            limits = np.iinfo(kind)
            return limits.min <= _number(field, kind) <= limits.max
        value = _number(field, kind)
        return kind == "float64" or not abs(value) > float(np.finfo(np.float32).max)
    except ValueError:
        return False
