"""An assistant that remembers, without a model or a server: `python assistant.py agent.db`.

Each line that it reads is a turn of a conversation, in English or Chinese. It keeps the line before it answers, so a
kill loses nothing that was answered; the next run, in another process, remembers all of it. A question is answered with
what was said before; `forget 3` takes a memory away; `table` shows what it knows of whom, by DuckDB's SQL.
The same file can be open in `lumosdb mcp agent.db` meanwhile.
"""

import datetime
import json
import sys

import lumosdb

SESSION = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
QUESTION_MARKS = ("?", "？", "吗")


class Assistant:
    def __init__(self, path: str, user: str = "user") -> None:
        # In turns with other programs on the same file, such as an MCP server.
        self.db = lumosdb.connect(path, mirror="shared")
        self.db.execute("SELECT lumos_memory_init()").fetchall()
        self.user = user

    def one(self, sql: str, *params: object) -> object:
        return self.db.execute(sql, params).fetchall()[0][0]

    def answer(self, line: str) -> str:
        """What it says to a line. The line is kept before."""
        words = line.split()
        if words[:1] == ["forget"] and words[1:] and words[1].isdigit():
            forgotten = self.one("SELECT lumos_memory_forget(?, ?)", int(words[1]), json.dumps({"hard": True}))
            return f"Forgotten: {forgotten}."
        if words == ["table"]:
            rows = lumosdb.query(self.db, "SELECT kind, count(*) AS n, round(max(importance), 2) AS most FROM lumos_memory GROUP BY ALL ORDER BY n DESC")
            return "; ".join(f"{row['kind']}: {row['n']}, importance up to {row['most']}" for row in rows) or "Nothing yet."
        if line.endswith(QUESTION_MARKS):
            return self.recall(line)
        options = {"scope": self.user, "session": SESSION, "source": f"chat/{SESSION}"}
        id = self.one("SELECT lumos_memory_add(?, ?)", line, json.dumps(options))
        return f"Noted ({id})."

    def recall(self, question: str) -> str:
        sql = "SELECT id, content, session FROM lumos_memory_search(?, ?)"
        found = self.db.execute(sql, (question, json.dumps({"scope": self.user, "k": 2}))).fetchall()
        return " | ".join(f"{content} ({id})" for id, content, _ in found) or "I have heard nothing of that."

    def close(self) -> None:
        self.db.close()


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: python assistant.py FILE")
    assistant = Assistant(sys.argv[1])
    try:
        for line in sys.stdin:
            if line.strip():
                print(assistant.answer(line.strip()), flush=True)
    except KeyboardInterrupt:
        pass
    finally:
        assistant.close()


if __name__ == "__main__":
    main()
