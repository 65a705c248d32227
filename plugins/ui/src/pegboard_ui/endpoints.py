"""All endpoints of this distribution: the page, and the data that it shows."""

from __future__ import annotations

from pegboard_wire.rooms import Room

ROOMS = [
    Room(
        "pegboard_ui.site:endpoints",
        """
        GET /
        GET /compare
        GET /compare/{path:path}
        GET /evaluate
        GET /evaluate/{path:path}
        GET /experiments
        GET /experiments/{path:path}
        GET /gateway
        GET /gateway/{path:path}
        GET /logged-models
        GET /logged-models/{path:path}
        GET /login
        GET /login/{path:path}
        GET /models
        GET /models/{path:path}
        GET /p
        GET /p/{path:path}
        GET /playground
        GET /playground/{path:path}
        GET /projects
        GET /projects/{path:path}
        GET /prompts
        GET /prompts/{path:path}
        GET /recipes
        GET /recipes/{path:path}
        GET /runs
        GET /runs/{path:path}
        GET /traces
        GET /traces/{path:path}
        GET /assets/{path:path}
        """,
    ),
    Room(
        "pegboard_ui.pages:endpoints",
        """
        GET /api/pegboard/1.0/ui/pages
        GET /api/pegboard/1.0/ui/plugins
        """,
    ),
    Room(
        "pegboard_ui.data.table:ENDPOINTS",
        """
        GET /api/pegboard/1.0/runs/table
        """,
    ),
    Room(
        "pegboard_ui.data.keys:ENDPOINTS",
        """
        GET /api/pegboard/1.0/runs/keys
        """,
    ),
    Room(
        "pegboard_ui.data.values:ENDPOINTS",
        """
        GET /api/pegboard/1.0/runs/values
        """,
    ),
    Room(
        "pegboard_ui.data.histogram:ENDPOINTS",
        """
        GET /api/pegboard/1.0/runs/histogram
        """,
    ),
    Room(
        "pegboard_ui.data.events:ENDPOINTS",
        """
        GET /api/pegboard/1.0/events
        """,
    ),
    Room(
        "pegboard_ui.data.series:ENDPOINTS",
        """
        GET /api/pegboard/1.0/metrics/series
        """,
    ),
    Room(
        "pegboard_ui.data.compare:ENDPOINTS",
        """
        GET /api/pegboard/1.0/runs/compare
        """,
    ),
    Room(
        "pegboard_ui.data.compare_files:ENDPOINTS",
        """
        GET /api/pegboard/1.0/runs/compare/files
        """,
    ),
    Room(
        "pegboard_ui.data.home:ENDPOINTS",
        """
        GET /api/pegboard/1.0/ui/home
        """,
    ),
    Room(
        "pegboard_ui.data.overview:ENDPOINTS",
        """
        GET /api/pegboard/1.0/runs/overview
        """,
    ),
    Room(
        "pegboard_ui.data.preview:ENDPOINTS",
        """
        GET /api/pegboard/1.0/artifacts/preview
        """,
    ),
    Room(
        "pegboard_ui.data.framed:ENDPOINTS",
        """
        GET /api/pegboard/1.0/artifacts/frame
        """,
    ),
    Room(
        "pegboard_ui.data.tables:ENDPOINTS",
        """
        GET /api/pegboard/1.0/artifacts/table
        """,
    ),
    Room(
        "pegboard_ui.data.views:ENDPOINTS",
        """
        GET /api/pegboard/1.0/views
        PUT /api/pegboard/1.0/views/{name}
        DELETE /api/pegboard/1.0/views/{name}
        PUT /api/pegboard/1.0/marks
        POST /api/pegboard/1.0/v
        GET /api/pegboard/1.0/v/{hash}
        """,
    ),
    Room(
        "pegboard_ui.data.prompts:ENDPOINTS",
        """
        GET /api/pegboard/1.0/ui/prompts
        GET /api/pegboard/1.0/ui/prompt-uses
        """,
    ),
    Room(
        "pegboard_ui.data.prompt_saving:ENDPOINTS",
        """
        POST /api/pegboard/1.0/ui/prompt-save
        """,
    ),
    Room(
        "pegboard_ui.data.trace_list:ENDPOINTS",
        """
        GET /api/pegboard/1.0/traces/list
        GET /api/pegboard/1.0/traces/values
        """,
    ),
    Room(
        "pegboard_ui.data.trace_page:ENDPOINTS",
        """
        GET /api/pegboard/1.0/traces/overview
        GET /api/pegboard/1.0/traces/span
        GET /api/pegboard/1.0/traces/find
        """,
    ),
    Room(
        "pegboard_ui.data.evaluations:ENDPOINTS",
        """
        GET /api/pegboard/1.0/evaluations/rows
        GET /api/pegboard/1.0/evaluations/row
        GET /api/pegboard/1.0/evaluations/find
        """,
    ),
]
"""What answers each is imported when it is first asked."""
