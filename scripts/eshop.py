#!/usr/bin/env python3
"""Makes clickstream rows of an online shop: `scripts/eshop.py [--rows N] [--seed N] FILE.csv[.gz]`.

The rows have the shape of the data set "clickstream data for online shopping" (UCI, 2008), with its columns in snake
case, an `event_time` and a unique key: sessions of 1 to 195 clicks, 47 countries of which one has four rows of five, 4
categories, 217 models, 135 days. They are not those rows, as their licence is not clear enough to ship them. The same
seed and number of rows give the same rows.
"""

import argparse
import bisect
import collections
import datetime
import gzip
import io
import itertools
import pathlib
import random
import sys

COLUMNS = (
    "year,month,day,order_seq,country,session,category,model,color,location,photography,price,price_ind,page,event_time,so_key"
).split(",")
FIRST_DAY, DAYS = datetime.date(2008, 4, 1), 135
COUNTRIES = 47
# Shares of the large countries, in rows of 10,000; the others are rare.
COUNTRY_WEIGHTS = {29: 8096, 9: 1088, 24: 247, 46: 152, 44: 84, 16: 50, 21: 49, 34: 43, 41: 41, 3: 15, 27: 14, 12: 13}
MODELS_OF_CATEGORY = {"A": 43, "B": 34, "C": 59, "P": 81}
PRICES = {20: 1, 23: 2, 28: 11, 33: 11, 38: 21, 43: 14, 48: 11, 52: 6, 57: 7, 62: 9, 67: 2, 72: 1, 18: 1, 82: 1}
LONGEST_SESSION = 195
# Keys are session * 1000 + order_seq in 31 bits, so there are at most 2,147,482 sessions, of seven clicks or so.
MOST_ROWS = 12_000_000

Model = collections.namedtuple("Model", "category name color location photography price price_ind page")


def weighted(rng, weights):
    """A function that draws from {value: weight}."""
    values, bounds = list(weights), list(itertools.accumulate(weights.values()))
    return lambda: values[bisect.bisect(bounds, rng.random() * bounds[-1])]


def make_models(rng):
    """The shop's models with how often each is looked at."""
    price, models = weighted(rng, PRICES), {}
    for category, (letter, count) in enumerate(MODELS_OF_CATEGORY.items(), start=1):
        prices = [price() for _ in range(count)]
        for number in range(1, count + 1):
            dear = prices[number - 1] * count > sum(prices)
            model = Model(
                category, f"{letter}{number}", rng.randint(1, 14), rng.randint(1, 6), rng.choice((1, 1, 1, 2)),
                prices[number - 1], 1 if dear else 2, min(5, 1 + (number - 1) * 5 // count),
            )  # fmt: skip
            # A few are seen much more often than the rest, and those on the first pages more than on the last.
            models[model] = rng.paretovariate(1.5) / model.page / count
    return models


def session_lengths(rng, rows):
    """Clicks of each session, `rows` in all: half have up to four, a few very many."""
    lengths, left = [], rows
    while left:
        length = LONGEST_SESSION if not lengths else int(rng.lognormvariate(1.4, 1.04) + 0.5)
        lengths.append(min(max(length, 1), LONGEST_SESSION, left))
        left -= lengths[-1]
    rng.shuffle(lengths)
    return lengths


def session_days(rng, count):
    """The day of each session, in order of time: more of them in the first weeks."""
    weights = {day: rng.uniform(0.3, 1.7) * (1.6 - day / DAYS) for day in range(DAYS)}
    day = weighted(rng, weights)
    return sorted(day() for _ in range(count))


def session_countries(rng, count):
    """The country of each session; every country at least once, if there are that many sessions."""
    rare = {country: 1.5 for country in range(1, COUNTRIES + 1) if country not in COUNTRY_WEIGHTS}
    country = weighted(rng, COUNTRY_WEIGHTS | rare)
    countries = [country() for _ in range(count)]
    if count >= COUNTRIES:
        for number, position in enumerate(rng.sample(range(count), COUNTRIES), start=1):
            countries[position] = number
    return countries


def make_rows(rows, seed):
    rng = random.Random(seed)
    model = weighted(rng, make_models(rng))
    lengths = session_lengths(rng, rows)
    days, countries = session_days(rng, len(lengths)), session_countries(rng, len(lengths))
    clicks_of_day = collections.Counter()
    for day, length in zip(days, lengths):
        clicks_of_day[day] += length
    today, event_time = None, 0
    for session, (length, day, country) in enumerate(zip(lengths, days, countries), start=1):
        if day != today:
            today, date = day, FIRST_DAY + datetime.timedelta(day)
            midnight = datetime.datetime(date.year, date.month, date.day, tzinfo=datetime.timezone.utc)
            event_time = int(midnight.timestamp()) * 1000
            # One click a second, or closer where a day has more clicks than seconds: all times are distinct.
            step = min(1000, 86_400_000 // clicks_of_day[day])
        for order in range(1, length + 1):
            m = model()
            yield (
                date.year, date.month, date.day, order, country, session, m.category, m.name, m.color, m.location,
                m.photography, m.price, m.price_ind, m.page, event_time, session * 1000 + order,
            )  # fmt: skip
            event_time += step


def write(path, rows):
    """Writes the rows, gzipped if the name says so, and returns what there is to check them by."""
    checks = {"rows": 0, "sum of price": 0, "sum of so_key": 0}
    seen = {name: set() for name in ("country", "category", "model", "day", "session")}
    # No file name and time in the gzip header: the same rows give the same bytes.
    raw = open(path, "wb")
    packed = (
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) if path.suffix == ".gz" else raw
    )
    with raw, packed, io.TextIOWrapper(packed, encoding="ascii", newline="\n") as text:
        text.write(",".join(COLUMNS) + "\n")
        for row in rows:
            text.write("%d,%d,%d,%d,%d,%d,%d,%s,%d,%d,%d,%d,%d,%d,%d,%d\n" % row)
            checks["rows"] += 1
            checks["sum of price"] += row[11]
            checks["sum of so_key"] += row[15]
            seen["country"].add(row[4])
            seen["category"].add(row[6])
            seen["model"].add(row[7])
            seen["day"].add(row[1:3])
            seen["session"].add(row[5])
    for name, values in seen.items():
        checks[f"distinct {name}"] = len(values)
    return checks


def main():
    parser = argparse.ArgumentParser(description="Makes clickstream rows of an online shop.")
    parser.add_argument("--rows", type=int, default=165_474, help="default: %(default)s, as the real data set")
    parser.add_argument("--seed", type=int, default=2008, help="default: %(default)s")
    parser.add_argument("file", type=pathlib.Path, help="FILE.csv or FILE.csv.gz")
    args = parser.parse_args()
    if not 0 <= args.rows <= MOST_ROWS:
        parser.error(f"--rows must be between 0 and {MOST_ROWS}")
    try:
        checks = write(args.file, make_rows(args.rows, args.seed))
    except OSError as error:
        sys.exit(f"error: {error}")
    for name, value in checks.items():
        print(f"{name}: {value}")


if __name__ == "__main__":
    main()
