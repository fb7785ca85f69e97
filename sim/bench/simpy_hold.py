#!/usr/bin/env python3
"""SimPy on the same two models as BenchmarkHold and BenchmarkProcessSwitch.

How to run, in a virtual environment so that nothing is installed for good:

    python3 -m venv venv && venv/bin/pip install simpy==4.1.1
    venv/bin/python sim/bench/simpy_hold.py
    go test -run '^$' -bench 'Hold|ProcessSwitch' ./sim

Hold model: the number of pending events stays the same; the first event is taken
out and another one is put back with a random delay, exponentially distributed with
a mean of 1 ms. An event is a bare simpy Event with a callback that schedules the
next one, which is the cheapest thing SimPy offers. Process switch: a thousand
processes that sleep for random times. Times are CPU times of this process.
"""

import argparse
import random
import time

import simpy


def delays(seed: int, count: int = 1 << 16) -> list[float]:
    rng = random.Random(seed)
    return [rng.expovariate(1e3) for _ in range(count)]


def hold(pending: int, events: int) -> float:
    """Nanoseconds per event with so many pending events."""
    env = simpy.Environment()
    table = delays(1)
    state = [0]

    def put_back(_event):
        state[0] += 1
        env.timeout(table[state[0] & 0xFFFF]).callbacks.append(put_back)

    for i in range(pending):
        env.timeout(table[i & 0xFFFF]).callbacks.append(put_back)
    return measure(env, events)


def switch(processes: int, events: int) -> float:
    """Nanoseconds per wake-up of one of so many processes."""
    env = simpy.Environment()
    table = delays(1)

    def sleeper(i):
        while True:
            yield env.timeout(table[i & 0xFFFF])
            i += 7

    for i in range(processes):
        env.process(sleeper(i))
    return measure(env, events)


def measure(env: simpy.Environment, events: int) -> float:
    for _ in range(events // 10):
        env.step()
    start = time.process_time_ns()
    for _ in range(events):
        env.step()
    return (time.process_time_ns() - start) / events


def main() -> None:
    parser = argparse.ArgumentParser(description="SimPy on the models of BenchmarkHold and BenchmarkProcessSwitch")
    parser.add_argument("--events", type=int, default=500_000, help="events to measure (default %(default)s)")
    args = parser.parse_args()
    print(f"SimPy {simpy.__version__}")
    for pending in (1_000, 100_000, 1_000_000):
        print(f"hold/pending={pending:<8} {hold(pending, args.events):10.0f} ns/event")
    print(f"switch/processes=1000 {switch(1000, args.events):10.0f} ns/wake-up")


if __name__ == "__main__":
    main()
