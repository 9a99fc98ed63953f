"""A Ray cluster of two nodes on this machine paints the same picture, with one worker or two."""

import logging
import os
import subprocess
import sys

import pytest
import torch

pytest.importorskip("ray", reason="the cluster is an extra")
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import muralist
from muralist import BadRequest, Ticked, WorkersLost
from muralist.run.crew import Crew
from tests.laws.parts import distance, painted, toy_request

CPU = torch.device("cpu")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # Ray's own sockets and files
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """The address of two nodes with a processor each."""
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    ray.shutdown()
    cluster.shutdown()


@pytest.fixture(scope="module")
def actors(cluster):
    from muralist.run.ray import Actors

    return Actors(cluster, None, CPU)


@pytest.fixture(scope="module")
def crew(actors):
    with Crew(actors, here=False) as crew:
        yield crew


def test_there_is_a_worker_for_each_node(crew):
    import ray

    assert len(crew) == 2
    nodes = {ray.get(actor.node.remote()) for actor in crew._team.actors}
    assert len(nodes) == 2


@pytest.mark.parametrize("method", [kind() for kind in muralist.METHODS.values()])
def test_the_cluster_paints_the_same_picture(method, crew):
    request = toy_request(method, batch_size=3)
    assert distance(painted(request, crew=crew).latents, painted(request).latents) < 1e-5


def test_so_it_does_with_sdxl(crew, tiny_sdxl):
    """Reference canvases go through the object store, once."""
    request = toy_request(
        muralist.Pixelsmith(),
        model=tiny_sdxl,
        prompt="a red cat",
        height=448,
        width=448,
        num_inference_steps=3,
    )
    assert distance(painted(request, crew=crew).latents, painted(request).latents) < 1e-4
    (shared,) = [len(crew._team._kept)]
    assert shared == 4  # two canvases, what is said and what is not, each once for both workers


def test_more_workers_than_the_cluster_has_are_refused(cluster):
    from muralist.run.ray import Actors

    with pytest.raises(BadRequest, match="workers is 3; each takes a CPU, and the cluster has 2"):
        Actors(cluster, 3, CPU)


def test_the_others_go_on_when_an_actor_is_killed(crew, caplog):
    import ray

    expected, ticks = painted(toy_request(batch_size=2)).latents, 0
    with caplog.at_level(logging.WARNING, logger="muralist"):
        for event in muralist.generate(toy_request(batch_size=2), crew=crew):
            if isinstance(event, Ticked):
                ticks += 1
                if ticks == 6:
                    ray.kill(crew._team.actors[0])
            elif isinstance(event, muralist.Finished):
                assert distance(event.picture.latents, expected) < 1e-5
    assert len(crew) == 1
    assert caplog.messages == ["a worker died; what it had to do is done by those left: 1"]


def test_when_none_is_left_a_sentence_says_so(crew):
    import ray

    ray.kill(crew._team.actors[1])
    with pytest.raises(WorkersLost, match="all workers died"):
        painted(toy_request(), crew=crew)


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:1"])
def test_a_cluster_that_is_not_there_is_told(address):
    """In a process that is a part of none."""
    program = f"from muralist.run.ray import Actors; Actors({address!r}, 2, None)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert f"BadRequest: there is no Ray cluster to be joined at '{address}'" in done.stderr
