"""How the data is read."""

from pandas import DataFrame, read_csv


def load_file_as_dataframe(file_path: str, file_format: str) -> DataFrame:
    """Return the rows of one file; file_format is what 'using' says."""
    if file_format == "csv":
        return read_csv(file_path)
    raise NotImplementedError(file_format)
