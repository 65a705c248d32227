"""The table of runs: what a page shows of any number of runs, without loading them.

``RunTable`` is an ability of tracking stores. ``columns`` gives columns their names, and ``words``
tells filters from plain words. A store without the ability is read run by run instead.
"""

from pegboard_stores.run_table.columns import (
    DATASETS,
    DURATION,
    column_name,
    datasets_text,
    parse_column,
    parse_sort,
)
from pegboard_stores.run_table.contract import (
    DISTINCT,
    Changes,
    Figures,
    Group,
    Groups,
    Histogram,
    KeyInfo,
    Keys,
    RunScope,
    RunTable,
    TablePage,
    TableQuery,
    ValueCount,
    Within,
)

__all__ = [
    "DATASETS",
    "DISTINCT",
    "DURATION",
    "Changes",
    "Figures",
    "Group",
    "Groups",
    "Histogram",
    "KeyInfo",
    "Keys",
    "RunScope",
    "RunTable",
    "TablePage",
    "TableQuery",
    "ValueCount",
    "Within",
    "column_name",
    "datasets_text",
    "parse_column",
    "parse_sort",
]
