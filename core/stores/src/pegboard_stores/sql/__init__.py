"""SQL for filters: pieces with bound values, comparisons, regular expressions, long texts."""
