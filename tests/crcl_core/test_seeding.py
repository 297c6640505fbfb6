import torch

from crcl_core.seeding import generator, numpy_generator, seeded_layers, stream_seed

CPU = torch.device("cpu")


class TestStreams:
    def test_the_same_seed_and_names_give_the_same_numbers(self) -> None:
        assert torch.equal(_drawn(1, "a", 2), _drawn(1, "a", 2))
        assert numpy_generator(1, "a").integers(1 << 60) == numpy_generator(1, "a").integers(1 << 60)

    def test_seeds_and_names_are_independent(self) -> None:
        seeds = {
            stream_seed(seed, *names) for seed in (0, 1, 10) for names in ((), ("a",), ("b",), ("a", 0), ("a", "b"))
        }
        assert len(seeds) == 15

    def test_names_are_not_run_together(self) -> None:
        assert stream_seed(0, "ab", "c") != stream_seed(0, "a", "bc")
        assert stream_seed(1, 23) != stream_seed(12, 3)


class TestSeededLayers:
    def test_gives_the_global_generator_a_named_stream(self) -> None:
        with seeded_layers(CPU, 1, "dropout"):
            first = torch.rand(3)
        with seeded_layers(CPU, 1, "dropout"):
            second = torch.rand(3)
        assert torch.equal(first, second)

    def test_restores_the_global_generator(self) -> None:
        before = torch.random.get_rng_state()
        with seeded_layers(CPU, 1, "dropout"):
            torch.rand(3)
        assert torch.equal(torch.random.get_rng_state(), before)


def _drawn(seed: int, *names: str | int) -> torch.Tensor:
    return torch.rand(3, generator=generator(seed, *names))
