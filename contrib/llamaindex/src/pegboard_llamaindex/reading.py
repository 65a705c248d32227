"""What LlamaIndex's objects hold, as MLflow has it in spans."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from llama_index.core.agent.workflow import BaseWorkflowAgent
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.base.llms.base import BaseLLM
from llama_index.core.schema import NodeWithScore
from llama_index.core.tools import BaseTool
from llama_index.core.workflow import StartEvent
from pegboard_tracing import calls
from pydantic import BaseModel

_KINDS: tuple[tuple[type, str], ...] = (
    (BaseLLM, "LLM"),
    (BaseRetriever, "RETRIEVER"),
    (BaseWorkflowAgent, "AGENT"),
    (BaseEmbedding, "EMBEDDING"),
    (BaseTool, "TOOL"),
)


def kind(instance: Any) -> str:
    """Return the type of a span of a thing's methods."""
    return next((name for each, name in _KINDS if isinstance(instance, each)), "CHAIN")


def inputs(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a method was called with; of a workflow, what its user gave."""
    start = arguments.get("start_event")
    given: Mapping[str, Any] = start.to_dict() if isinstance(start, StartEvent) else arguments
    return given


def tools(arguments: Mapping[str, Any]) -> Any:
    """Return the tools that a model is offered."""
    return (arguments.get("kwargs") or {}).get("tools")


def attributes(instance: Any) -> dict[str, Any]:
    """Return what is told about a model or a tool."""
    if isinstance(instance, BaseLLM):
        return _of_model(instance)
    provider = type(instance).__name__.lower()
    if isinstance(instance, BaseEmbedding):
        return {
            "model_name": instance.model_name,
            "mlflow.llm.model": instance.model_name,
            "mlflow.llm.provider": provider,
            "embed_batch_size": instance.embed_batch_size,
        }
    return _of_tool(instance) if isinstance(instance, BaseTool) else {}


def _of_model(model: Any) -> dict[str, Any]:
    about, found = model.metadata, {calls.FORMAT: "llamaindex"}
    if about:
        found |= {"model_name": about.model_name, "mlflow.llm.model": about.model_name}
        told = json.loads(about.model_dump_json(exclude_unset=True))
        if told:
            found["invocation_params"] = told
    return {**found, "mlflow.llm.provider": type(model).__name__.lower()}


def _of_tool(tool: Any) -> dict[str, Any]:
    about = tool.metadata
    found = {"description": about.description}
    # A tool may have no name and no schema, which is a ValueError then.
    with suppress(ValueError):
        found["name"] = about.name
    with suppress(ValueError):
        found["parameters"] = json.loads(about.fn_schema_str)
    return found


def outputs(span_type: Any, result: Any) -> Any:
    """Return what came out, of a retriever as documents."""
    if span_type != "RETRIEVER" or not isinstance(result, list):
        return result
    if not all(isinstance(each, NodeWithScore) for each in result):
        return result
    return [
        {
            "page_content": node.get_content(),
            "metadata": {"score": node.get_score(), **node.metadata},
            "id": node.node_id,
        }
        for node in result
    ]


def usage(response: Any) -> dict[str, Any]:
    """Return the tokens of an answer by OpenAI's names; none if they are not told."""
    raw = getattr(response, "raw", None)
    if isinstance(raw, BaseModel):
        raw = raw.model_dump()
    if isinstance(raw, Mapping) and raw.get("usage"):
        return dict(raw["usage"])
    more = getattr(response, "additional_kwargs", None) or {}
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: more[name] for name in names if more.get(name) is not None}


def tokens(used: Mapping[str, Any]) -> dict[str, int] | None:
    """Return tokens by MLflow's names."""
    asked, answered = used.get("prompt_tokens"), used.get("completion_tokens")
    if not isinstance(asked, int) or not isinstance(answered, int):
        return None
    total = used.get("total_tokens")
    return {
        "input_tokens": asked,
        "output_tokens": answered,
        "total_tokens": asked + answered if total is None else total,
    }


def text(response: Any) -> str | None:
    """Return the text of an answer."""
    message = getattr(response, "message", None)
    found = getattr(response, "text", None) if message is None else message.content
    return None if found is None else str(found)
