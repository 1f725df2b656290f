"""`validate`: every problem of the project's files."""

import os

from .options import Json


def validate(json: Json = False) -> int:
    """Check every file of the project, entity files too, and list every problem with its place."""
    from ..console import note, say, say_json
    from ..errors import Exit, Problem, ProjectError
    from ..project import Project, check, find
    from ..runtime import EntityFiles
    from . import settings

    root = find(settings.project)
    problems: list[Problem] = []
    try:
        project = Project(root, check(root))
    except ProjectError as error:
        problems = error.details
    else:
        entities = EntityFiles(project, keep_index=True)
        problems = [problem for kind in project.entities for problem in entities.problems(kind)]
        entities.close()
    if json:
        say_json({"problems": [{"path": path, "problem": problem} for path, problem in problems]})
    else:
        for path, problem in problems:
            say(f"{path}: {problem}")
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}" if problems else "no problems"
        note(f"{os.path.relpath(root)}: {count}", "red" if problems else "green")
    return Exit.FOUND if problems else Exit.OK
