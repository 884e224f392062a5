#!/usr/bin/env python3
"""Writes policies/api: the operations and models of the Genesys Cloud API, from its official Python SDK.

  tools/api.py                 the pinned release, fetched with pip into a temporary folder
  tools/api.py --sdk DIR       one that is there: the folder that holds `apis` and `models`
  tools/api.py --check         changes nothing; exit code 1 where a file is not what would be written

What the SDK does not tell stands in tools/api: which family an operation is of where several classes have it, and
which fields of a body are required or only ever read. Nothing but Python's standard library (3.11) is needed.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

PACKAGE = "PureCloudPlatformClientV2"
VERSION = "269.0.0"
ROOT = Path(__file__).resolve().parent.parent

# Python's words for what has no model of its own, and ours.
PLAIN = {
    "str": "string", "int": "integer", "float": "number", "bool": "boolean", "date": "date",
    "datetime": "date-time", "object": "any",
    # Named by the SDK, which has no model of them.
    "LocalDateTime": "any", "YearMonth": "any",
}


def main():
    arguments = parse_arguments()
    try:
        with tempfile.TemporaryDirectory() as folder:
            sdk = arguments.sdk or fetch(Path(folder))
            files = generate(sdk, arguments)
    except Unreadable as error:
        sys.exit(f"api.py: {error}")
    changed = [path for path, text in files.items() if read_if_there(path) != text]
    for path in changed:
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(files[path], encoding="utf-8")
        print(f"{path}: {'differs' if arguments.check else 'written'}")
    if arguments.check and changed:
        sys.exit(1)


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sdk", type=Path, help="the SDK's folder, instead of fetching the pinned release")
    parser.add_argument("--out", type=Path, default=ROOT / "policies/api", help="where to write")
    parser.add_argument("--catalog", type=Path, default=ROOT / "policies/operations", help="what is enabled")
    parser.add_argument("--told", type=Path, default=ROOT / "tools/api", help="what the SDK does not tell")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    return parser.parse_args()


class Unreadable(Exception):
    """What stands there is not what a generated SDK looks like; says where."""


def fetch(folder):
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--target", str(folder)]
    done = subprocess.run([*command, f"{PACKAGE}=={VERSION}"], check=False)
    if done.returncode != 0:
        raise Unreadable(f"{PACKAGE} {VERSION} could not be fetched; give its folder by --sdk")
    return folder / PACKAGE


def generate(sdk, arguments):
    """The text of each file."""
    operations = read_operations(sdk, Families(arguments.told / "families.json"))
    models = read_models(sdk, read_fields(arguments.told / "fields.jsonl"))
    check_names(operations, models)
    enabled = read_enabled(arguments.catalog, operations)
    held = needed(enabled, models)
    return {
        arguments.out / "operations.jsonl": lines(operations[id] for id in sorted(operations)),
        arguments.out / "models.jsonl": lines({"name": name, "fields": models[name]} for name in sorted(held)),
    }


def lines(records):
    # Plain letters, and nothing escaped: what reads it borrows from it.
    texts = [json.dumps(record, ensure_ascii=False, separators=(",", ":")) for record in records]
    for text in texts:
        if "\\" in text or not text.isascii():
            raise Unreadable(f"a name with a letter that needs escaping: {text}")
    return "".join(text + "\n" for text in texts)


def read_if_there(path):
    return path.read_text(encoding="utf-8") if path.exists() else None


# Operations: one method of a class in `apis` each.


class Families:
    """Genesys's tags. An operation that several classes have is of the family that stands first here."""

    def __init__(self, path):
        told = json.loads(path.read_text(encoding="utf-8"))
        self.exceptions = told["exceptions"]
        self.by_class = {}
        for rank, family in enumerate(told["families"]):
            self.by_class[re.sub(r"\W", "", family).lower() + "api"] = (rank, family)

    def of(self, id, classes):
        known = [self.by_class[name.lower()] for name in classes if name.lower() in self.by_class]
        if id in self.exceptions:
            return self.exceptions[id]
        if not known:
            raise Unreadable(f"{id}: its classes {classes} are of no family of families.json")
        return min(known)[1]


def read_operations(sdk, families):
    found, classes = {}, {}
    files = sorted((sdk / "apis").glob("*_api.py"))
    if not files:
        raise Unreadable(f"{sdk}: there is no apis/*_api.py in it")
    for file in files:
        text = file.read_text(encoding="utf-8")
        owner = one(r"^class (\w+)\(", text, f"{file.name}: a class")
        for method in re.split(r"^    def ", text, flags=re.MULTILINE)[1:]:
            name = method.partition("(")[0]
            if name == "__init__":
                continue
            operation = read_operation(name, method, f"{file.name}: {name}")
            id = operation["id"]
            if found.setdefault(id, operation) != operation:
                raise Unreadable(f"{file.name}: {name} is not what it is in {classes[id]}")
            classes.setdefault(id, []).append(owner)
    for id, operation in found.items():
        operation["family"] = families.of(id, classes[id])
    routes = {}
    for id, operation in found.items():
        if routes.setdefault((operation["method"], operation["path"]), id) != id:
            raise Unreadable(f"{id} has the method and the path of another operation")
    return found


def read_operation(name, text, place):
    documented = dict(
        (parameter, type) for type, parameter in re.findall(r"^        :param (.+?) (\w+):", text, re.MULTILINE)
    )
    required = set(re.findall(r"if \('(\w+)' not in params\) or", text))
    operation = {
        # The SDK writes Genesys's operation id in snake case.
        "id": re.sub(r"_([a-z0-9])", lambda letter: letter.group(1).upper(), name),
        "method": one(r"call_api\(resource_path, '([A-Z]+)'", text, f"{place}: a method"),
        "path": one(r"resource_path = '([^']+)'", text, f"{place}: a path"),
        "family": None,
    }
    query = []
    for wire, parameter in re.findall(r"query_params\['([^']+)'\] = params\['(\w+)'\]", text):
        if parameter not in documented:
            raise Unreadable(f"{place}: nothing tells the type of {parameter}")
        described = {"name": wire, "type": type_of(documented[parameter], f"{place}: {parameter}")}
        if parameter in required:
            described["required"] = True
        query.append(described)
    if query:
        operation["query"] = sorted(query, key=lambda parameter: parameter["name"])
    # Not all call it `body`.
    if body := re.search(r"body_params = params\['(\w+)'\]", text):
        operation["body"] = type_of(documented[body.group(1)], f"{place}: body")
    response = one(r"response_type=(None|'[^']+'),", text, f"{place}: an answer")
    if response != "None":
        operation["response"] = type_of(response.strip("'"), f"{place}: answer")
    return operation


def one(pattern, text, what):
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise Unreadable(f"{what} is not to be found")
    return match.group(1)


def type_of(text, place):
    """A type in our words: `string`, `User`, `User[]`, `map<integer>`."""
    text = text.strip()
    if text in PLAIN:
        return PLAIN[text]
    if text.startswith("list[") and text.endswith("]"):
        return type_of(text[5:-1], place) + "[]"
    if text.startswith("dict(str,") and text.endswith(")"):
        return f"map<{type_of(text[9:-1], place)}>"
    if re.fullmatch(r"[A-Z]\w*", text):
        return text
    raise Unreadable(f"{place}: `{text}` is no known type")


# Models: one class in `models` each.


def read_models(sdk, fields_told):
    models = {}
    for file in sorted((sdk / "models").glob("*.py")):
        if file.name == "__init__.py":
            continue
        text = file.read_text(encoding="utf-8")
        name = one(r"^class (\w+)\(", text, f"{file.name}: a class")
        models[name] = read_model(name, text, fields_told.get(name, {}))
    return models


def read_model(name, text, told):
    types = dict(entries("swagger_types", name, text))
    wires = dict(entries("attribute_map", name, text))
    values = dict(
        (field, json.loads(listed))
        for field, listed in re.findall(
            r"\.setter\n    def (\w+)\(.*?\n(?:(?!    @property).*\n)*?        allowed_values = (\[.*\])\n", text
        )
    )
    fields = {}
    for field, type in types.items():
        wire = wires[field]
        described = {"type": type_of(type, f"{name}.{wire}")}
        if field in values:
            described["enum"] = [str(value) for value in values[field]]
        for flag in ("required", "read_only"):
            if wire in told.get(flag, []):
                described[flag] = True
        fields[wire] = described
    return dict(sorted(fields.items()))


def entries(table, name, text):
    body = one(rf"self\.{table} = \{{([^}}]*)\}}", text, f"{name}: {table}")
    return re.findall(r"'(\w+)': '([^']+)'", body)


def read_fields(path):
    told = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        told[record["name"]] = record
    return told


def names_in(type):
    return [word for word in re.findall(r"[A-Z]\w*", type or "")]


def check_names(operations, models):
    for operation in operations.values():
        for name in names_in(operation.get("body")) + names_in(operation.get("response")):
            if name not in models:
                raise Unreadable(f"{operation['id']}: there is no model {name}")


def needed(enabled, models):
    """The models of these operations' bodies and answers, and what they are made of."""
    held, open = set(), []
    for operation in enabled:
        open += names_in(operation.get("body")) + names_in(operation.get("response"))
    while open:
        name = open.pop()
        if name in held:
            continue
        if name not in models:
            raise Unreadable(f"there is no model {name}")
        held.add(name)
        for field in models[name].values():
            open += names_in(field["type"])
    return held


def read_enabled(folder, operations):
    enabled = []
    for file in sorted(folder.glob("*.toml")):
        catalog = tomllib.loads(file.read_text(encoding="utf-8"))
        # The gateway's own operations are none of Genesys's.
        entries = [one for one in catalog.get("operation", []) if not one.get("path", "").startswith("/gateway/")]
        ids = [one["id"] for one in entries] + [id for one in catalog.get("job", []) for id in jobs_of(one["of"])]
        for id in ids:
            if id not in operations:
                raise Unreadable(f"{file.name}: {id} is no operation of the SDK")
            enabled.append(operations[id])
    return enabled


def jobs_of(query):
    """The operations that follow from a query's, as src/catalog/jobs.rs makes them."""
    name = query.removeprefix("post").removesuffix("Query")
    return [f"post{name}Jobs", f"get{name}Job", f"get{name}JobResults", f"delete{name}Job"]


if __name__ == "__main__":
    main()
