"""`lumos_extract` in both engines: the same answer to any text, and times that Python's calendar says too."""

import calendar
import datetime
import json
import random
import unittest

from both import Both

PIECES = (
    "Ann|Bob's|I|I'm|works at|lives in|Acme|Corp|.|,|?|\n|\"|@|http://x.org|the|of|is|my|sister|J.|Dr.|-|May 5|2023|"
    "last|week|ago|two|days|in|我|叫|王|明|住在|上海|的|姐姐|是|在|工作|《|》|老师|公司|喜欢|上周|去年|三月|28|岁|"
    "\u0301|𠀀|é|a@b.c|🙂|\u200f|'|\\|{"
).split("|")


class Extract(Both):
    def found(self, text, **options):
        return json.loads(self.both("SELECT lumos_extract(?, ?)", text, json.dumps(options)))

    def test_any_text(self):
        """Pieces put together at random."""
        draw = random.Random(14)
        for _ in range(600):
            text = draw.choice(["", " "]).join(draw.choices(PIECES, k=draw.randrange(16)))
            with self.subTest(text=text):
                place = 0
                for row in self.found(text, now=draw.randrange(-(10**9), 4 * 10**9)):
                    self.assertLessEqual(place, row["start"])
                    place = row["start"]
                    self.assertEqual(text[place - 1 : place - 1 + row["length"]], row["text"])

    def test_times(self):
        """Units before a random moment, by Python's own calendar."""
        draw = random.Random(15)
        for _ in range(100):
            now = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=draw.randrange(4 * 10**9))
            today = datetime.datetime(now.year, now.month, now.day)
            count = draw.randrange(2, 60)
            day = datetime.timedelta(days=1)
            monday = today - today.weekday() * day
            month = now.year * 12 + now.month - 1 - count
            first = datetime.datetime(month // 12, month % 12 + 1, 1)
            for text, start, length in [
                (f"{count} days ago", today - count * day, day),
                (f"{count}天前", today - count * day, day),
                ("yesterday", today - day, day),
                ("前天", today - 2 * day, day),
                (f"{count} weeks ago", monday - 7 * count * day, 7 * day),
                ("下周", monday + 7 * day, 7 * day),
                (f"{count} months ago", first, calendar.monthrange(first.year, first.month)[1] * day),
                (f"{count}个月前", first, calendar.monthrange(first.year, first.month)[1] * day),
                ("last Monday", today - ((today.weekday() - 1) % 7 + 1) * day, day),
                ("上周日", monday - day, day),
                (f"on {start_of(today)}", today, day),
                (f"{today.year}年{today.month}月{today.day}日", today, day),
            ]:
                with self.subTest(text=text, now=now):
                    (row,) = self.found(text, now=now.isoformat(" "))
                    self.assertEqual((row["kind"], row["from"], row["to"]), ("date", str(start), str(start + length)))

    def test_long_texts(self):
        """A megabyte of what rules begin with."""
        for piece in ["Ann ", "Ann works at ", "我在", "2023-", "a@", "\"", "《", "王老师", "last ", "x", "一"]:
            count = 1_000_000 // len(piece.encode())
            self.sqlite.value("SELECT length(lumos_extract(?, '{\"now\": 0}')) > 1", piece * count)


def start_of(day):
    return f"{calendar.month_name[day.month]} {day.day}, {day.year}"


if __name__ == "__main__":
    unittest.main()
