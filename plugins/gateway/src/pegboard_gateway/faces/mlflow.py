"""MLflow's routes: those of its gateway in 2.x with their older names, and those of 3.x.

Answers are OpenAI's objects, as MLflow's are; errors are ``{"detail": …}``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from attrs import frozen
from pegboard.contracts.llm import Json, LLMError, Task, Trouble
from pegboard.errors import InvalidValue, PegboardError, quoted
from pegboard_llm import checks, shapes
from pegboard_stores import offsets
from pegboard_wire.http import Answer, Call, Endpoint, Permission, Result
from pegboard_wire.requests import page_token
from pegboard_wire.scalars import get, string

from pegboard_gateway import service
from pegboard_gateway.catalog.contract import GatewayEndpoint
from pegboard_gateway.entities import NO_FILL, Asked, Fill
from pegboard_gateway.faces import bodies, costs, errors, openai
from pegboard_gateway.path import Events
from pegboard_gateway.settings import NAME, Limit

PAGE = 3000
"""How many endpoints a page of the list has, as in MLflow."""
UNPROCESSABLE = 422
_TAGS = ("gateway",)
_OPENAI = "/gateway/mlflow/v1/"
_PROXY = "/api/2.0/mlflow/gateway-proxy"
_INVOCATION = re.compile(r"(?:gateway|endpoints)/([^/]+)/invocations")


class PayloadError(LLMError):
    """A body breaks MLflow's rules: 422, as its gateway has it."""

    status = UNPROCESSABLE

    def __init__(self, message: str, param: str = "") -> None:
        super().__init__(Trouble.INVALID, message, param=param)


@frozen
class _Form:
    """What a list of endpoints calls things, newer or older."""

    list: str
    type: str
    url: str


_ENDPOINT = _Form("endpoints", "endpoint_type", "endpoint_url")
_ROUTE = _Form("routes", "route_type", "route_url")


def endpoints() -> Sequence[Endpoint]:
    """Return the routes."""
    found = [
        _reading("/api/2.0/endpoints", _lister(_ENDPOINT), "List the gateway's endpoints."),
        _reading("/api/2.0/endpoints/", _lister(_ENDPOINT), "List the gateway's endpoints."),
        _reading("/api/2.0/endpoints/{name}", _getter(_ENDPOINT), "Describe an endpoint."),
        _reading("/api/2.0/endpoints/limits/{name}", _limits, "Return an endpoint's limits."),
        _reading("/api/2.0/gateway/routes", _lister(_ROUTE), "List the gateway's endpoints."),
        _reading("/api/2.0/gateway/routes/", _lister(_ROUTE), "List the gateway's endpoints."),
        _reading("/api/2.0/gateway/routes/{name}", _getter(_ROUTE), "Describe an endpoint."),
        _reading("/api/2.0/gateway/limits/{name}", _limits, "Return an endpoint's limits."),
        _reading("/api/3.0/gateway/endpoint/{name}", _getter(_ENDPOINT), "Describe an endpoint."),
        _reading("/api/3.0/gateway/route/{name}", _traffic_route, "Describe how calls are shared."),
    ]
    for path in (
        "/endpoints/{name}/invocations",
        "/gateway/{name}/invocations",
        "/gateway/{name}/mlflow/invocations",
    ):
        found.append(openai.face(path, _invoke, "Ask an endpoint."))
    return found


def openai_endpoints() -> Sequence[Endpoint]:
    """Return the routes of OpenAI's form."""
    chats = f"{_OPENAI}chat/completions"
    return [
        openai.face(chats, openai.handler(Task.CHAT), "Answer a conversation.", quick=True),
        _reading(f"{_OPENAI}models", openai.models, "List what can be asked for."),
    ]


def proxy_endpoints() -> Sequence[Endpoint]:
    """Return the routes of the tracking server's proxy."""
    return [
        _reading(_PROXY, _proxied_list, "List the endpoints, for MLflow's page."),
        Endpoint(
            "POST",
            _PROXY,
            _proxied_call,
            Permission.INVOKE,
            "Ask an endpoint, for MLflow's page.",
            leaves=True,
            tags=_TAGS,
        ),
    ]


def _reading(path: str, handle: Any, summary: str) -> Endpoint:
    return Endpoint("GET", path, handle, Permission.INVOKE, summary, tags=_TAGS)


# -- what there is ----------------------------------------------------------------------------


def _lister(form: _Form) -> Any:
    async def handle(call: Call) -> Result:
        try:
            return _page(call, form)
        except LLMError as error:
            return _failed(error)

    return handle


def _page(call: Call, form: _Form) -> Json:
    page = offsets.cut(_visible(call), PAGE, page_token(call.parameters))
    described = [_described(endpoint, form) for endpoint in page]
    return {form.list: described, "next_page_token": page.token}


def _visible(call: Call) -> Sequence[GatewayEndpoint]:
    gateway = service.of(call.host)
    caller = gateway.callers.of(call, call.headers)
    found = gateway.catalog.current.endpoints
    return [found[name] for name in found if gateway.callers.may_see(caller, name)]


def _getter(form: _Form) -> Any:
    async def handle(call: Call) -> Result:
        try:
            return _described(_seen(call), form)
        except LLMError as error:
            return _failed(error)

    return handle


def _seen(call: Call) -> GatewayEndpoint:
    """Return the endpoint that a path names, if the caller may know of it."""
    name = str(call.parameters["name"])
    for endpoint in _visible(call):
        if endpoint.name == name:
            return endpoint
    raise _unknown(name)


def _described(endpoint: GatewayEndpoint, form: _Form) -> Json:
    first = endpoint.targets[0]
    limit = next((each for each in endpoint.limits if each.calls is not None), None)
    return {
        "name": endpoint.name,
        form.type: task_of(endpoint).value,
        "model": {"name": first.model_name, "provider": first.provider},
        form.url: f"/gateway/{endpoint.name}/invocations",
        "limit": limit and _limit(limit),
    }


def task_of(endpoint: GatewayEndpoint) -> Task:
    """Return the task of an endpoint: the one it is for, or the first that its model can do."""
    if endpoint.task is not None:
        return endpoint.task
    first = endpoint.targets[0]
    can = first.model.takes_of(first.model_name)
    return next((task for task in Task if task in can), Task.CHAT)


def _limit(limit: Limit) -> Json:
    return {"calls": limit.calls, "key": None, "renewal_period": limit.per}


async def _limits(call: Call) -> Result:
    try:
        endpoint = _seen(call)
    except LLMError as error:
        return _failed(error)
    return {"limits": [_limit(each) for each in endpoint.limits if each.calls is not None]}


async def _traffic_route(call: Call) -> Result:
    try:
        endpoint = _seen(call)
    except LLMError as error:
        return _failed(error)
    total = sum(target.weight for target in endpoint.targets if not target.fallback_order)
    shares = [
        {"name": target.key, "traffic_percentage": round(100 * target.weight / total)}
        for target in endpoint.targets
        if not target.fallback_order
    ]
    return {
        "name": endpoint.name,
        "task_type": task_of(endpoint).value,
        "destinations": shares,
        "routing_strategy": "TRAFFIC_SPLIT",
    }


# -- calls ------------------------------------------------------------------------------------


async def _invoke(call: Call) -> Result:
    try:
        return await _answered(call, str(call.parameters["name"]), call.content)
    except LLMError as error:
        return _failed(error)


async def _body(content: bytes) -> Json:
    """Return the object that a body holds; PayloadError."""
    try:
        return await bodies.taken(content)
    except LLMError as error:
        raise _payload_error(error) from None


async def _answered(call: Call, name: str, content: bytes) -> Result:
    """Return the answer of an endpoint to a body; LLMError."""
    gateway = service.of(call.host)
    caller = gateway.callers.of(call, call.headers)
    endpoint = gateway.catalog.current.endpoints.get(name)
    if endpoint is None or not gateway.callers.may_see(caller, name):
        raise _unknown(name)
    task, body, stream, fill = read(await _body(content), endpoint)
    asked = Asked(name, task, body, stream, caller, call.headers, "mlflow", fill)
    found = await gateway.calls.call(asked, call.request_id)
    if isinstance(found, Events):
        return openai.streamed(found, openai.sent(found, usage=True))
    return costs.result(found)


def read(body: Json, endpoint: GatewayEndpoint) -> tuple[Task, Mapping[str, Any], bool, Fill]:
    """Return the task, the checked body, whether it is to be streamed, and what fills the prompt.

    PayloadError.
    """
    try:
        body, fill = bodies.parted(body, has_prompt=bool(endpoint.prompt))
        task = endpoint.task or _task_of_body(body, endpoint)
        check(body)
        request = checks.checked(task, body, endpoint.name, is_whole=fill is None)
    except LLMError as error:
        raise _payload_error(error) from None
    return task, request.body, request.stream, fill or NO_FILL


def _payload_error(error: LLMError) -> LLMError:
    """Return the error of a body as MLflow has it."""
    if error.trouble is not Trouble.INVALID or isinstance(error, PayloadError):
        return error
    return PayloadError(errors.text_of(error), error.param)


def _task_of_body(body: Json, endpoint: GatewayEndpoint) -> Task:
    """Return what a body asks for, of an endpoint for all tasks."""
    for field, task in (
        ("messages", Task.CHAT),
        ("prompt", Task.COMPLETION),
        ("input", Task.EMBEDDING),
    ):
        if field in body:
            return task
    return task_of(endpoint)


def check(body: Json) -> None:
    """Raise PayloadError for what breaks the rules that MLflow has beside OpenAI's."""
    if body.get("model") is not None:
        raise PayloadError(
            "The parameter 'model' is not permitted to be passed. The route being queried already "
            "defines a model instance.",
            "model",
        )
    stop = body.get("stop")
    if stop is not None and (
        type(stop) is not list or not stop or not all(type(each) is str for each in stop)
    ):
        _wrong("stop", "a list of texts, with one at least")
    count = body.get("n", 1)
    if type(count) is not int or count < 1:
        _wrong("n", "a whole number, at least 1")
    for field in ("messages", "input"):
        if field in body and body[field] in (None, []):
            _wrong(field, "a list that is not empty")


def _wrong(field: str, expected: str) -> NoReturn:
    raise PayloadError(f"The field {field!r} must be {expected}.", field)


def _unknown(name: str) -> LLMError:
    return LLMError(
        Trouble.NO_MODEL,
        f"The endpoint {quoted(name)} is not present or active on the server.",
        hint="Please verify the endpoint name.",
    )


def _failed(error: LLMError) -> Answer:
    return errors.answer(error, errors.mlflow)


# -- the tracking server's proxy --------------------------------------------------------------


async def _proxied_list(call: Call) -> Result:
    path = _path(call)
    if path != "api/2.0/endpoints":
        raise _refused(path, "GET")
    try:
        return _page(call, _ENDPOINT)
    except LLMError as error:
        return errors.answer(error, _proxy_error)


async def _proxied_call(call: Call) -> Result:
    """Answer what MLflow's page asks. Nothing is sent anywhere: the endpoint is in this server."""
    path = _path(call)
    found = _INVOCATION.fullmatch(path)
    if found is None or not NAME.fullmatch(found[1]):
        raise _refused(path, "POST")
    try:
        content = shapes.encoded(get(call.parameters, "json_data") or {})
        return await _answered(call, found[1], content)
    except LLMError as error:
        return errors.answer(error, _proxy_error)


def _path(call: Call) -> str:
    given = get(call.parameters, "gateway_path")
    if given is None or given == "":
        raise InvalidValue("Deployments proxy request must specify a gateway_path.")
    # MLflow's page may begin or end it with a slash; two are another matter.
    return string(given, "gateway_path").removeprefix("/").removesuffix("/")


def _refused(path: str, method: str) -> PegboardError:
    return InvalidValue(f"Invalid gateway_path: {quoted(path)} for method: {method}")


def _proxy_error(error: LLMError) -> Mapping[str, Any]:
    status = errors.status_of(error)
    code = {404: "RESOURCE_DOES_NOT_EXIST", 429: "REQUEST_LIMIT_EXCEEDED"}.get(status)
    return {
        "error_code": code or ("INVALID_PARAMETER_VALUE" if status < 500 else "INTERNAL_ERROR"),
        "message": f"Deployments proxy request failed with error code {status}. Error message: "
        f"{errors.text_of(error)}",
    }
