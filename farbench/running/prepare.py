"""What comes before the first cell: images packed, cells planned, mistakes found."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import torch

from farbench.benchmark.advice import how_to_test
from farbench.benchmark.identity import Identity, code_identity
from farbench.benchmark.loading import LoadedBenchmark
from farbench.benchmark.places import KeyPath
from farbench.benchmark.resolve import ResolvedBenchmark
from farbench.benchmark.resolved_row import ResolvedRow
from farbench.data.contents import notice_exchanged
from farbench.data.intact import PIXELS
from farbench.data.pack import PackedImages, pack
from farbench.data.source import Source
from farbench.errors import UserError
from farbench.masks.network import MaskNetwork
from farbench.plugins.registry import Registry
from farbench.running.plan import Plan, PlannedCell, Planner, PrepareSource
from farbench.running.progress import Progress
from farbench.store.artifacts import ArtifactStore
from farbench.store.space import need_space
from farbench.tasks.landmarks import Landmarks
from farbench.training.empty_layers import EmptyParameter, build_without_empty_layers
from farbench.training.terms import TrainingLoss

ELSEWHERE = "Choose another with --results DIR."


class Preparation:
    """Plans a run, and opens the images of its cells."""

    def __init__(
        self,
        registry: Registry,
        store: ArtifactStore,
        results: Path,
        data_root: Path | None,
        device: str,
        progress: Progress,
        *,
        skip_broken: bool = False,
    ) -> None:
        """Bind where things are read; nothing is touched yet.

        Args:
            registry: The plugins.
            store: The cache.
            results: The results root.
            data_root: Where data sets are, or None.
            device: "auto", "cpu", "cuda" or "cuda:N".
            progress: What the user sees.
            skip_broken: Go on without images that do not decode.
        """
        self.registry, self.store, self.results = registry, store, results
        self.data_root, self.device = data_root, device
        self.progress, self.skip_broken = progress, skip_broken
        self._packed: dict[tuple[str, int], PackedImages] = {}
        self._tried: set[str] = set()

    def plan(self, benchmark: ResolvedBenchmark) -> Plan:
        """Plan without opening an image.

        Raises:
            UserError: Something is wrong with what was asked.
        """
        self._check_folder(self.results / benchmark.loaded.benchmark.name)
        plan = self.planner_without_images().plan(benchmark)
        self._try_networks(plan)
        return plan

    def pack_and_plan(self, benchmark: ResolvedBenchmark) -> Plan:
        """Pack the images that are not packed yet, and plan.

        Packing takes long: before it is begun, what can be found without images is looked for.

        Raises:
            UserError: Something is wrong with what was asked.
        """
        self._check_folder(self.results / benchmark.loaded.benchmark.name)
        checked = False

        def check_and_pack(source: Source, side: int) -> Source:
            nonlocal checked
            if not checked and self._is_to_be_packed(source, side):
                self.plan(benchmark)
                checked = True
            return self._notice_and_pack(source, side)

        plan = self._planner(check_and_pack).plan(benchmark)
        self._try_networks(plan)
        return plan

    def plan_again(self, benchmark: ResolvedBenchmark) -> Plan:
        """Plan what another process has packed, planned and checked."""
        return self._planner(self._notice_and_pack).plan(benchmark)

    def packed(self, cell: PlannedCell) -> PackedImages:
        """Return the images of a cell of a plan whose images are packed."""
        return self._packed[cell.source.manifest, cell.row.protocol.resize]

    def planner_without_images(self) -> Planner:
        """Return a planner that leaves out the images that are known to be broken."""
        return self._planner(self._without_broken)

    def _planner(self, prepare: PrepareSource) -> Planner:
        return Planner(
            self.registry, self.store, self.results, self.data_root, self.device, prepare
        )

    def _is_to_be_packed(self, source: Source, side: int) -> bool:
        return self.store.meta("packed", _packed_identity(source, side).key) is None

    def _notice_and_pack(self, source: Source, side: int) -> Source:
        """Pack a source as it is now; return it without the images that do not decode."""
        told = partial(self.progress.step, "compared")
        return self._pack(notice_exchanged(source, self.store, keep=True, progress=told), side)

    def _pack(self, source: Source, side: int) -> Source:
        """Pack a source; return it without the images that do not decode."""
        identity = _packed_identity(source, side)
        self.store.discard_damaged("packed", identity.key)
        if self._is_to_be_packed(source, side):
            folder = self.store.folder("packed", identity.key)
            begun = folder / PIXELS  # by a run that was killed; the file is sparse
            held = 512 * begun.stat().st_blocks if begun.is_file() else 0
            need_space(
                folder,
                3 * len(source) * side**2 - held,
                f"{len(source)} packed images",
                "Free some, or set FARBENCH_CACHE to a folder on a larger disk.",
            )
            self.progress.line(
                f"packing {len(source)} images of {source.dataset.name} at {side} px"
            )
        packed = pack(
            self.store,
            identity.key,
            len(source),
            source.read,
            side,
            dataset=source.dataset.name,
            skip_broken=self.skip_broken,
            progress=lambda done, total: self.progress.step("packed", done, total),
            say=self.progress.line,
        )
        if packed.broken:
            return self._pack(source.without(set(packed.broken)), side)
        self._packed[source.manifest, side] = packed
        return source

    def _without_broken(self, source: Source, side: int) -> Source:
        """Leave out what an earlier run found not to decode, so that plan and run agree."""
        source = notice_exchanged(source, self.store, keep=False)
        meta = self.store.meta("packed", _packed_identity(source, side).key)
        if meta is None or not self.skip_broken:
            return source
        return source.without({int(position) for position in meta["broken"]})

    def _try_networks(self, plan: Plan) -> None:
        """Build what is to be trained once, so that a mistake in it is found before all else.

        A backbone without weights or of an unknown name is the user's to mend, and is told at
        once; anything else is a matter of the cell, which reports it without stopping the others.

        Raises:
            UserError: A network cannot be had.
        """
        for cell in plan.to_run():
            run = cell.stages[-1]
            what = repr((run.stage.method, cell.tasks, run.weighting, run.protocol))
            if what in self._tried or self.store.meta("stages", run.identity.key) is not None:
                continue
            try:
                loss = run.build_loss(build_without_empty_layers(run.build))
                masks = cell.masks
                if masks is not None and self.store.meta("masks", masks.network.key) is None:
                    MaskNetwork(len(masks.groups), masks.protocol, pretrained=masks.pretrained)
                _try_loss(loss, cell)
            except EmptyParameter as error:
                place = plan.benchmark.loaded.places.at(("rows", cell.row.row.id))
                raise _without_width(place, cell, error) from error
            except UserError as error:
                place = _place_of_network(plan.benchmark.loaded, cell.row, str(error))
                raise UserError(f"{place}: rows.{cell.row.row.id}: {error}") from error
            except (Exception, SystemExit):
                pass
            self._tried.add(what)

    def _check_folder(self, folder: Path) -> None:
        """Tell that the results have no place before hours are spent, without making anything."""
        above = next(path for path in (folder, *folder.absolute().parents) if path.exists())
        if not above.is_dir() or not os.access(above, os.W_OK):
            state = "cannot be written" if above.is_dir() else "is a file"
            raise UserError(f"results folder {folder} cannot be made: {above} {state}. {ELSEWHERE}")


def _without_width(place: str, cell: PlannedCell, error: EmptyParameter) -> UserError:
    """Return the error for a row whose network has a layer of width 0."""
    method = cell.row.method
    given = (f"{name} {method.options()[name]}" for name in sorted(method.model_fields_set))
    return UserError(
        f"{place}: rows.{cell.row.row.id}: in the network of method '{method.name}' {error}, so "
        f"that its layer does nothing. An option is too large or too small (the row has "
        f"{', '.join(given) or 'the defaults'}); try `{how_to_test(method)}`."
    )


def _try_loss(loss: TrainingLoss, cell: PlannedCell) -> None:
    """Take the loss of a few labels and outputs of zeros: is it a scalar?

    Raises:
        UserError: It is none.
    """
    few = cell.source.positions("train", cell.tasks)[:8]
    statistics = cell.stages[-1].problem.statistics
    outputs, targets = {}, {}
    for task in cell.tasks:
        labels = task.targets(cell.source.labels(task)[few], statistics[task.name])
        if isinstance(task, Landmarks):
            labels = labels.reshape(len(few), -1)  # in pixels, where batches have fractions
        outputs[task.name] = torch.zeros(len(few), task.outputs)
        targets[task.name] = torch.from_numpy(labels)
    loss(outputs, targets)


def _place_of_network(loaded: LoadedBenchmark, row: ResolvedRow, message: str) -> str:
    """Return where the backbone or encoder that an error names was written, else the row."""
    name, places = row.row.id, loaded.places
    backbone = getattr(row.method, "backbone", None)
    paths: list[KeyPath] = [
        ("protocol", "substitute", replaced)
        for replaced, by in row.protocol.substitute.items()
        if by == backbone
    ]
    paths += [
        ("method", "backbone"),
        ("rows", name, "options", "backbone"),
        ("rows", name, "protocol", "method", "backbone"),
        ("protocol", "method", "backbone"),
    ]
    if f"'{backbone}'" not in message:
        paths = [("rows", name, "protocol", "masks", "encoder"), ("protocol", "masks", "encoder")]
        paths = paths if f"'{row.protocol.masks.encoder}'" in message else []
    written = [places.lines[path] for path in paths if path in places.lines]
    return written[0] if written else places.at(("rows", name))


def _packed_identity(source: Source, side: int) -> Identity:
    return Identity(
        {
            "dataset": source.dataset.name,
            "options": source.dataset.options(),
            "manifest": source.manifest,
            "side": side,
        },
        code_identity(["farbench.data.pack", *source.dataset.modules()]),
        {},
    )
