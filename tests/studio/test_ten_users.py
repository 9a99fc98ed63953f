"""Ten people at once: nothing is lost, nobody sees another's pictures, and turns are taken."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyvips

import muralist
from tests.laws.parts import painted
from tests.studio.servers import TOY, serve, visitor

PEOPLE = {f"person {number}": f"password {number}" for number in range(10)}
EACH = 3
SMALL = {**TOY, "width": 16, "height": 16}  # of one stage, which gives way to nobody


def test_ten_people_ask_at_once(tmp_path):
    def come(number: int) -> list[dict]:
        name = f"person {number}"
        with visitor(server.url, name, PEOPLE[name]) as somebody:
            asked = [
                somebody.ask("paint", prompt=f"{name}, {seed}", options={**TOY, "seed": seed})
                for seed in range(EACH)
            ]
            done = [somebody.done(each["id"]) for each in asked]
            shown = somebody.ask("gallery")
            assert {each["id"] for each in shown} == {each["id"] for each in asked}
            assert {each["settings"]["prompt"] for each in shown} == {
                f"{name}, {seed}" for seed in range(EACH)
            }
            for each in done:
                file = somebody.http.get(f"/works/{each['id']}/picture.dzi")
                assert file.status_code == 200
            return done

    with serve(tmp_path, PEOPLE) as server, ThreadPoolExecutor(len(PEOPLE)) as people:
        done = [each for some in people.map(come, range(len(PEOPLE))) for each in some]
        works = {work.id: work for work in server.studio.gallery.works()}
        assert len(done) == len(works) == EACH * len(PEOPLE)
        for each in done:
            there = pyvips.Image.new_from_file(str(works[each["id"]].picture)).numpy()
            seed = each["settings"]["seed"]
            request = muralist.Request(prompt=each["settings"]["prompt"], seed=seed, **TOY)
            assert np.array_equal(there, painted(request).pixels)


def test_turns_are_taken_whoever_asks_for_how_much(tmp_path):
    """Nobody's n-th picture is begun before everybody's who asked in time has been."""
    with serve(tmp_path, PEOPLE) as server:
        with server.studio.gallery.lock:  # nothing is begun until everybody has asked
            for number in range(EACH):
                for name in PEOPLE:
                    wanted = 5 if name == "person 0" else 1  # who wants much more than others
                    for _ in range(wanted):
                        request = server.studio.request(prompt=f"{number}", **SMALL)
                        server.studio.ask(name, request)
        with visitor(server.url, "person 0", PEOPLE["person 0"]) as greedy:
            for each in greedy.ask("gallery"):
                greedy.done(each["id"])
        works = sorted(server.studio.gallery.works(), key=lambda work: work.record.served)
        assert all(work.record.state == "done" for work in works)
        owners = [work.record.owner for work in works]
        for turn in range(EACH):
            some = owners[turn * len(PEOPLE) : (turn + 1) * len(PEOPLE)]
            assert set(some) == set(PEOPLE), f"round {turn}: {some}"
