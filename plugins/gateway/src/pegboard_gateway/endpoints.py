"""All endpoints of this distribution: the faces of the gateway, and its administration."""

from __future__ import annotations

from pegboard_wire.lazy import EndpointModule

_ERRORS = "pegboard_gateway.faces.errors"

ENDPOINT_MODULES = [
    EndpointModule(
        "pegboard_gateway.faces.openai:endpoints",
        """
        POST /v1/chat/completions
        POST /v1/completions
        POST /v1/embeddings
        GET /v1/models
        GET /v1/models/{model}
        POST /gateway/openai/v1/chat/completions
        POST /gateway/openai/v1/completions
        POST /gateway/openai/v1/embeddings
        GET /gateway/openai/v1/models
        GET /gateway/openai/v1/models/{model}
        """,
        tell=f"{_ERRORS}:told_openai",
        tell_below=("/v1/", "/gateway/openai/", "/gateway/mlflow/v1/", "/gateway/proxy/"),
    ),
    EndpointModule(
        "pegboard_gateway.faces.responses:endpoints",
        """
        POST /v1/responses
        POST /gateway/openai/v1/responses
        """,
        tell=f"{_ERRORS}:told_openai",
    ),
    EndpointModule(
        "pegboard_gateway.faces.anthropic:endpoints",
        """
        POST /anthropic/v1/messages
        POST /anthropic/v1/messages/count_tokens
        POST /gateway/anthropic/v1/messages
        POST /gateway/anthropic/v1/messages/count_tokens
        """,
        tell=f"{_ERRORS}:told_anthropic",
        tell_below=("/anthropic/", "/gateway/anthropic/"),
    ),
    EndpointModule(
        "pegboard_gateway.faces.gemini:endpoints",
        """
        POST /gemini/v1/models/{endpoint}:generateContent
        POST /gemini/v1/models/{endpoint}:streamGenerateContent
        POST /gemini/v1beta/models/{endpoint}:generateContent
        POST /gemini/v1beta/models/{endpoint}:streamGenerateContent
        POST /gateway/gemini/v1/models/{endpoint}:generateContent
        POST /gateway/gemini/v1/models/{endpoint}:streamGenerateContent
        POST /gateway/gemini/v1beta/models/{endpoint}:generateContent
        POST /gateway/gemini/v1beta/models/{endpoint}:streamGenerateContent
        """,
        tell=f"{_ERRORS}:told_gemini",
        tell_below=("/gemini/", "/gateway/gemini/"),
    ),
    EndpointModule(
        "pegboard_gateway.faces.mlflow:endpoints",
        """
        GET /api/2.0/endpoints
        GET /api/2.0/endpoints/
        GET /api/2.0/endpoints/{name}
        GET /api/2.0/endpoints/limits/{name}
        GET /api/2.0/gateway/routes
        GET /api/2.0/gateway/routes/
        GET /api/2.0/gateway/routes/{name}
        GET /api/2.0/gateway/limits/{name}
        GET /api/3.0/gateway/endpoint/{name}
        GET /api/3.0/gateway/route/{name}
        POST /endpoints/{name}/invocations
        POST /gateway/{name}/invocations
        POST /gateway/{name}/mlflow/invocations
        """,
        tell=f"{_ERRORS}:told_mlflow",
    ),
    EndpointModule(
        "pegboard_gateway.faces.mlflow:openai_endpoints",
        """
        POST /gateway/mlflow/v1/chat/completions
        GET /gateway/mlflow/v1/models
        """,
        tell=f"{_ERRORS}:told_openai",
    ),
    EndpointModule(
        "pegboard_gateway.faces.mlflow:proxy_endpoints",
        """
        GET /api/2.0/mlflow/gateway-proxy
        POST /api/2.0/mlflow/gateway-proxy
        """,
    ),
    EndpointModule(
        "pegboard_gateway.faces.proxy:endpoints",
        """
        POST /gateway/proxy/{endpoint}/{path:path}
        POST /v1/responses/compact
        POST /gateway/openai/v1/responses/compact
        POST /gateway/typesafe/v1/systemone
        """,
        tell=f"{_ERRORS}:told_openai",
    ),
    EndpointModule(
        "pegboard_gateway.admin.endpoints:endpoints",
        """
        POST /api/3.0/mlflow/gateway/endpoints/create
        GET /api/3.0/mlflow/gateway/endpoints/get
        POST /api/3.0/mlflow/gateway/endpoints/update
        DELETE /api/3.0/mlflow/gateway/endpoints/delete
        GET /api/3.0/mlflow/gateway/endpoints/list
        POST /api/3.0/mlflow/gateway/endpoints/models/attach
        POST /api/3.0/mlflow/gateway/endpoints/models/detach
        POST /api/3.0/mlflow/gateway/endpoints/set-tag
        DELETE /api/3.0/mlflow/gateway/endpoints/delete-tag
        POST /api/3.0/mlflow/gateway/endpoints/bindings/create
        DELETE /api/3.0/mlflow/gateway/endpoints/bindings/delete
        GET /api/3.0/mlflow/gateway/endpoints/bindings/list
        """,
    ),
    EndpointModule(
        "pegboard_gateway.admin.credentials:endpoints",
        """
        POST /api/3.0/mlflow/gateway/secrets/create
        GET /api/3.0/mlflow/gateway/secrets/get
        POST /api/3.0/mlflow/gateway/secrets/update
        DELETE /api/3.0/mlflow/gateway/secrets/delete
        GET /api/3.0/mlflow/gateway/secrets/list
        POST /api/3.0/mlflow/gateway/model-definitions/create
        GET /api/3.0/mlflow/gateway/model-definitions/get
        GET /api/3.0/mlflow/gateway/model-definitions/list
        POST /api/3.0/mlflow/gateway/model-definitions/update
        DELETE /api/3.0/mlflow/gateway/model-definitions/delete
        """,
    ),
    EndpointModule(
        "pegboard_gateway.admin.policies:endpoints",
        """
        POST /api/3.0/mlflow/gateway/budgets/create
        GET /api/3.0/mlflow/gateway/budgets/get
        POST /api/3.0/mlflow/gateway/budgets/update
        DELETE /api/3.0/mlflow/gateway/budgets/delete
        GET /api/3.0/mlflow/gateway/budgets/list
        GET /api/3.0/mlflow/gateway/budgets/windows
        """,
    ),
    EndpointModule(
        "pegboard_gateway.admin.limits:endpoints",
        """
        POST /api/2.0/endpoints/limits/
        POST /api/2.0/gateway/limits/
        """,
    ),
    EndpointModule(
        "pegboard_gateway.admin.usage:endpoints",
        """
        GET /api/pegboard/1.0/gateway/usage
        GET /api/pegboard/1.0/gateway/calls
        GET /api/pegboard/1.0/gateway/budgets
        """,
    ),
    EndpointModule(
        "pegboard_gateway.admin.guardrails:endpoints",
        """
        POST /api/3.0/mlflow/gateway/guardrails/create
        GET /api/3.0/mlflow/gateway/guardrails/get
        DELETE /api/3.0/mlflow/gateway/guardrails/delete
        GET /api/3.0/mlflow/gateway/guardrails/list
        POST /api/3.0/mlflow/gateway/guardrails/add-to-endpoint
        DELETE /api/3.0/mlflow/gateway/guardrails/remove-from-endpoint
        GET /api/3.0/mlflow/gateway/guardrails/list-for-endpoint
        PATCH /api/3.0/mlflow/gateway/guardrails/update-config
        """,
    ),
    EndpointModule(
        "pegboard_gateway.admin.own:endpoints",
        """
        GET /api/pegboard/1.0/gateway/endpoints
        GET /api/pegboard/1.0/gateway/endpoints/{name}
        POST /api/pegboard/1.0/gateway/endpoints
        DELETE /api/pegboard/1.0/gateway/endpoints/{name}
        GET /api/pegboard/1.0/gateway/health
        POST /api/pegboard/1.0/gateway/reload
        """,
    ),
    EndpointModule(
        "pegboard_gateway.admin.keys:endpoints",
        """
        POST /api/pegboard/1.0/gateway/keys
        GET /api/pegboard/1.0/gateway/keys
        DELETE /api/pegboard/1.0/gateway/keys/{id}
        """,
    ),
    EndpointModule(
        "pegboard_gateway.admin.overview:endpoints",
        """
        GET /api/pegboard/1.0/gateway/summary
        GET /api/pegboard/1.0/gateway/tail
        """,
    ),
]
"""What answers each is imported when it is first asked."""
