"""A full database, interrupts, rollbacks and kills at random points of what writes an agent's memory and its facts: a call
does all or nothing, and the index of words holds what the table holds."""

import json
import os
import random
import signal

import host

ROUNDS = int(os.environ.get("LUMOS_FAULT_ROUNDS", 150))
KILLS = max(6, ROUNDS // 15)
TABLES = ("lumos_memory", "lumos_memory_scope", "lumos_fact", "lumos_alias")
NAMES = ("Ann", "Bob", "Acme", "Rome", "上海")


class Faults(host.Case):
    def setUp(self):
        super().setUp()
        self.draw, self.now = random.Random(53), 1_700_000_000
        self.db = self.fresh("m.sqlite")

    def fresh(self, name):
        db = self.open(self.folder / name)
        db.rows("SELECT lumos_memory_init()")
        return db

    def call(self):
        """A call that writes, and its arguments."""
        draw = self.draw
        self.now += draw.randrange(1, 200_000)
        scope = {"scope": draw.choice(["a", "b"]), "now": self.now}
        text = " ".join(draw.choices(["violin", "rain", "大雪", "peanuts", "not"], k=draw.randrange(1, 6))) + f" {draw.randrange(30)}"
        number = draw.randrange(1, 40)
        options, at = json.dumps(scope), json.dumps({"now": self.now})
        match draw.randrange(11):
            case 0 | 1 | 2:
                said = json.dumps(scope | {"session": draw.choice("xy"), "source": f"chat/{number}", "dedup": draw.random() < 0.7})
                if draw.random() < 0.2:
                    return "lumos_memory_add_many(?)", f"SELECT '{text}', '{said}' UNION ALL SELECT '{text} too', '{said}'"
                return "lumos_memory_add(?, ?)", text, said
            case 3:
                return "lumos_memory_supersede(?, ?, ?)", number, text, at
            case 4:
                return "lumos_memory_update(?, ?)", number, json.dumps({"content": text, "tags": ["t"], "now": self.now})
            case 5:
                name = draw.choice(["feedback", "review"])
                return f"lumos_memory_{name}(?, ?, ?)", number, draw.randrange(1, 5), at
            case 6:
                return "lumos_memory_pin(?, ?)", number, draw.randrange(2)
            case 7:
                name = draw.choice(["lumos_memory_forget(?)", "lumos_memory_restore(?)"])
                return name, number
            case 8:
                return "lumos_memory_forget(?, ?)", number, '{"hard": true}'
            case 9:
                return "lumos_memory_consolidate(?)", json.dumps({"now": self.now + 10_000_000})
            case 10:
                if draw.random() < 0.3:
                    return "lumos_entity_merge(?, ?, ?)", draw.choice(NAMES), draw.choice(NAMES), json.dumps(scope | {"memory": number})
                return "lumos_fact_add(?, 'lives in', ?, ?)", draw.choice(NAMES), draw.choice(NAMES), options

    def write(self, db, call):
        """The error of a call, or None."""
        try:
            db.rows(f"SELECT {call[0]}", *call[1:])
        except host.ERROR as error:
            return str(error)

    def state(self, db):
        return [db.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in TABLES]

    def whole(self, db):
        """The index of words, the numbers of scopes and the chains of memories are those of the table."""
        db.rows("INSERT INTO lumos_memory_words(lumos_memory_words, rank) VALUES ('integrity-check', 1)")
        counted = db.rows("SELECT scope, count(*), sum(length) FROM lumos_memory GROUP BY scope ORDER BY scope")
        kept = db.rows("SELECT scope, memories, length FROM lumos_memory_scope WHERE memories > 0 ORDER BY scope")
        self.assertEqual(kept, counted)
        broken = "SELECT id FROM lumos_memory WHERE superseded_by IS NOT NULL AND (valid_to IS NULL OR expired_at IS NULL)"
        self.assertEqual(db.rows(broken), [])
        ended = "SELECT subject_key FROM lumos_fact WHERE functional AND expired_at IS NULL AND valid_to IS NULL GROUP BY scope, subject_key, predicate HAVING count(*) > 1"
        self.assertEqual(db.rows(ended), [])

    def test_no_statement_stays(self):
        """Calls of one statement share what they have prepared, until that statement ends, also in the middle."""
        self.db.rows("PRAGMA journal_mode = WAL")
        sql = "SELECT lumos_memory_add('line ' || value), lumos_fact_add('Ann', 'met', 'Bob ' || value) FROM json_each(?)"
        numbers = json.dumps(list(range(20)))
        self.assertEqual(self.db.rows(sql, numbers), [(i, i) for i in range(1, 21)])
        begun = self.db.connection.cursor()
        self.assertEqual(next(iter(begun.execute(sql, (numbers,)))), (1, 1))
        begun.close()
        with self.assertRaises(host.ERROR):
            self.db.rows("SELECT lumos_memory_add(iif(value = 7, '', 'more ' || value)) FROM json_each(?)", numbers)
        self.whole(self.db)
        self.db.rows("CREATE TABLE later(x)")
        self.db.close()
        # A connection with a statement that is not finalized would live on, and keep the file.
        self.assertEqual(list(self.folder.glob("*-wal")), [])

    def test_interrupts(self):
        db, ended, late = self.db, 0, 0
        for _ in range(ROUNDS * 2):
            before, call, left = self.state(db), self.call(), [self.draw.randrange(1, 40)]

            def handler():
                left[0] -= 1
                return left[0] <= 0

            host.progress(db, handler, 20)
            error = self.write(db, call)
            host.progress(db, None, 0)
            if error:
                interrupted = "interrupt" in error
                ended += interrupted
                # The SELECT around a call may be interrupted once the call has written, and SQLite commits that.
                if interrupted and self.state(db) != before:
                    self.whole(db)
                    late += 1
                else:
                    self.assertEqual(self.state(db), before, (call, error))
        self.assertGreater(ended - late, ROUNDS // 10)
        self.assertLess(ended, ROUNDS * 2)
        self.whole(db)

    def test_tables_are_made_all_or_none(self):
        schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2"
        db = self.open(self.folder / "v.sqlite")
        db.rows("CREATE TABLE lumos_memory(id INTEGER PRIMARY KEY, content TEXT)")
        db.rows("CREATE VIEW lumos_fact AS SELECT 1 AS subject_key")  # No index can be made of it.
        before = db.rows(schema)
        for options in [None, '{"dimensions": 8}']:
            with self.assertRaisesRegex(host.ERROR, "lumos_memory_init: .*lumos_fact|views may not be indexed"):
                db.rows("SELECT lumos_memory_init(?)", options)
            self.assertEqual(db.rows(schema), before)
            self.assertEqual(db.rows("PRAGMA integrity_check"), [("ok",)])

    def test_a_full_database(self):
        db, full = self.db, 0
        db.rows("CREATE TABLE filler(x)")
        for _ in range(20):
            for _ in range(20):
                self.write(db, self.call())
            db.rows(f"PRAGMA max_page_count = {db.value('PRAGMA page_count')}")
            try:
                while True:
                    db.rows("INSERT INTO filler VALUES (zeroblob(300))")
            except host.ERROR as error:
                self.assertIn("full", str(error))
            for _ in range(20):
                before, call = self.state(db), self.call()
                error = self.write(db, call)
                if error:
                    full += "full" in error
                    self.assertEqual(self.state(db), before, (call, error))
            db.rows("PRAGMA max_page_count = 1000000")
            self.whole(db)
        self.assertGreater(full, 4)

    def test_rollbacks(self):
        db = self.db
        for _ in range(ROUNDS // 3):
            before = self.state(db)
            db.rows("BEGIN")
            for _ in range(self.draw.randrange(1, 5)):
                self.write(db, self.call())
            inside = self.state(db)
            db.rows("SAVEPOINT s")
            self.write(db, self.call())
            db.rows("ROLLBACK TO s")
            self.assertEqual(self.state(db), inside)
            if self.draw.random() < 0.5:
                db.rows("ROLLBACK")
                self.assertEqual(self.state(db), before)
            else:
                db.rows("COMMIT")
                self.assertEqual(self.state(db), inside)
        self.whole(db)

    def test_kills(self):
        for turn in range(KILLS):
            path = self.folder / f"k{turn}.sqlite"
            self.fresh(path.name).close()

            def work(say):
                db = host.Database(path)
                self.draw.seed(turn)
                while True:
                    db.rows("BEGIN")
                    for _ in range(3):
                        self.write(db, self.call())
                    db.rows("COMMIT")
                    say(str(db.value("SELECT count(*) FROM lumos_memory")))

            process, lines = host.child(work)
            with lines:
                for _ in range(self.draw.randrange(2, 25)):
                    last = lines.readline()
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
                said = [line for line in [last, *lines] if line.strip().isdigit()]
            self.assertTrue(said, last)
            db = self.open(path)
            self.whole(db)
            self.assertEqual(db.value("PRAGMA integrity_check"), "ok")
            self.assertIsNone(self.write(db, ("lumos_memory_add('after', '{\"now\": 0}')",)))
            db.close()
