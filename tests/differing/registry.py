"""Calls about registered models."""

from __future__ import annotations

from differing.writer import NONCE, STAGES, Writer


def registry(w: Writer) -> None:
    version = w.one(["1", "1", "2", "3", "9"]) if w.chance(0.95) else w.one(["0", "-1", "x", ""])
    both = {"name": w.name(), "version": version}
    alias = (
        w.one(["champ", "Champ", "b-1"])
        if w.chance(0.9)
        else w.one(["latest", "v1", "V12", "", "a/b", {"*": ["a", 256]}, "größe", "Latest"])
    )
    match w.one(REGISTRY_CALLS):
        case "create":
            name = (
                w.name()
                if w.chance(0.93)
                else w.one(["", "a/b", "a:b", {"*": ["n", 256]}, ".", ".."])
            )
            w.add(
                "create_registered_model",
                name=name,
                tags=w.tags(),
                description=w.one([None, "text", ""]),
            )
        case "get":
            w.add("get_registered_model", name=w.name())
        case "rename":
            w.add(
                "rename_registered_model",
                name=w.name(),
                new_name=w.one([w.name(), w.name(), f"{NONCE}-new", ""]),
            )
        case "update":
            w.add("update_registered_model", name=w.name(), description=w.one(["d", "", None]))
        case "delete":
            w.add("delete_registered_model", name=w.name())
        case "tag":
            w.add("set_registered_model_tag", name=w.name(), key=w.key(), value=w.value())
        case "untag":
            w.add("delete_registered_model_tag", name=w.name(), key=w.key())
        case "search":
            clauses = [
                lambda: w.text_match("name", [w.name(), f"{NONCE}%", "%A"]),
                lambda: w.text_match(w.named(["tags", "tag"])),
            ]
            mine = f"name LIKE '{NONCE}%'"
            wanted = w.filter(clauses)
            w.add(
                "search_registered_models",
                filter_string=f"{mine} AND {wanted}" if wanted else mine,
                **w.page(),
                order_by=w.order(
                    ["name", "creation_timestamp", "last_updated_timestamp", "timestamp"]
                ),
            )
        case "version":
            source = (
                w.one(["s3://bucket/m", "models:/" + w.name() + "/1", "gs://b/c", "s3://bucket/n"])
                if w.chance(0.93)
                else w.one(["", "/etc", "file:///etc", "s3://b/../c", "relative", "http://h/x"])
            )
            w.add(
                "create_model_version",
                name=w.name(),
                source=source,
                tags=w.tags(),
                description=w.one([None, "d"]),
                run_id=w.one([None, None, w.known("run")]),
            )
        case "get_version":
            w.add("get_model_version", **both)
        case "update_version":
            w.add("update_model_version", **both, description=w.one(["d", "", None]))
        case "delete_version":
            w.add("delete_model_version", **both)
        case "tag_version":
            w.add("set_model_version_tag", **both, key=w.key(), value=w.value())
        case "untag_version":
            w.add("delete_model_version_tag", **both, key=w.key())
        case "stage":
            w.add(
                "transition_model_version_stage",
                **both,
                stage=w.one(STAGES),
                archive_existing_versions=w.chance(0.3),
            )
        case "latest":
            w.add(
                "get_latest_versions",
                name=w.name(),
                stages=w.one([None, [], ["Production"], ["Staging", "None"], ["nope"]]),
            )
        case "alias":
            w.add("set_registered_model_alias", **both, alias=alias)
        case "unalias":
            w.add("delete_registered_model_alias", name=w.name(), alias=alias)
        case "by_alias":
            w.add("get_model_version_by_alias", name=w.name(), alias=alias)
        case "uri":
            w.add("get_model_version_download_uri", **both)
        case "copy":
            w.add(
                "copy_model_version",
                src_model_uri=f"models:/{w.name()}/{w.one(['1', '2'])}",
                dst_name=w.name(),
            )
        case "search_versions":
            clauses = [
                lambda: w.text_match("name", [w.name(), f"{NONCE}%"]),
                lambda: w.text_match("source_path", ["s3://bucket/m", "s3%"]),
                lambda: w.text_match(w.named(["tags", "tag"])),
                lambda: f"run_id {w.one(['=', 'IN'])} ('x')",
                lambda: w.number_match("version_number", [1, 2]),
                lambda: w.text_match("run_id", ["x"]),
            ]
            mine = f"name LIKE '{NONCE}%'"
            wanted = w.filter(clauses)
            w.add(
                "search_model_versions",
                filter_string=f"{mine} AND {wanted}" if wanted else mine,
                **w.page(),
                order_by=w.order(
                    ["name", "version_number", "creation_timestamp", "last_updated_timestamp"]
                ),
            )


REGISTRY_CALLS = (
    ["create"] * 4
    + ["get"] * 2
    + ["rename", "update", "delete", "tag", "untag"]
    + ["search"] * 3
    + ["version"] * 6
    + ["get_version"] * 2
    + [
        "update_version",
        "delete_version",
        "tag_version",
        "untag_version",
        "stage",
        "stage",
        "latest",
        "alias",
        "alias",
        "alias",
        "unalias",
        "by_alias",
        "by_alias",
        "uri",
        "copy",
    ]
    + ["search_versions"] * 3
)
