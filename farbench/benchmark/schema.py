"""What a benchmark file and a protocol may say, with types, defaults and meanings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Section(BaseModel):
    """A part of a file: unknown keys are errors, values never change after validation."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Augmentation(Section):
    """Changes of a training image, composed into one affine warp."""

    crop: Literal["random", "center"] = Field("random", description="Where the crop is taken.")
    flip: float = Field(0.35, ge=0, le=1, description="Probability of a horizontal flip.")
    rotation: float = Field(15.0, ge=0, le=180, description="Largest rotation, degrees.")
    rotation_probability: float = Field(0.35, ge=0, le=1, description="Probability of a rotation.")


Amount = Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, lt=1)] | None


def _word(value: object) -> object:
    """Take YAML's booleans, which `on` and `off` are as well, for the words."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


Choice = Annotated[Literal["auto", "on", "off"], BeforeValidator(_word)]


class Images(Section):
    """How many images of each split are used: the first N by a fixed shuffle; null is all.

    A number below 1 is a share of the split (0.1: a tenth).
    """

    train: Amount = Field(None, description="Of the train split: a number, a share, or all.")
    valid: Amount = Field(None, description="Of the valid split, likewise.")
    test: Amount = Field(None, description="Of the test split, likewise.")


class MaskProtocol(Section):
    """How the mask network (a U-Net with one head a group) is trained and its masks are kept."""

    encoder: str = Field(
        "tu-resnet18", description="Encoder of segmentation-models-pytorch; `tu-` takes timm's."
    )
    size: int = Field(128, ge=32, multiple_of=32, description="Side of the network's input.")
    epochs: int = Field(3, ge=1, description="Epochs of the mask network.")
    batch_size: int = Field(32, ge=1, description="Images a step of the mask network.")
    learning_rate: float = Field(1e-3, gt=0, description="Adam's learning rate for it.")
    images: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Train on this many images of the train split; null is all."
    )
    rotation: float = Field(15.0, ge=0, le=180, description="Largest training rotation, degrees.")
    dice: float = Field(
        0.0, ge=0, description="Weight of a soft Dice loss beside cross-entropy; helps small parts."
    )
    threshold: float = Field(0.5, gt=0, lt=1, description="A pixel is kept above this probability.")
    stored_size: int = Field(64, ge=16, description="Side at which the binary masks are stored.")
    seed: int = Field(0, ge=0, description="One mask network serves all rows and seeds.")
    online: bool = Field(
        False, description="Predict masks on the augmented image in every step; slow."
    )


class Protocol(Section):
    """Everything about training and evaluation that the rows of a table share.

    The paper's values (MGMTN, section 4.2) are in ``benchmarks/protocols/paper.yaml``.
    """

    name: str = Field(description="Shown in every caption.")
    title: str = Field("", description="One line for people.")
    dataset: str | dict[str, Any] = Field(
        "synthetic_faces", description="The data set where the benchmark file names none."
    )
    images: Images = Images()
    resize: int = Field(
        128, ge=16, le=4096, description="Images are packed at this side (antialiased)."
    )
    crop: int = Field(112, ge=16, le=4096, description="Side of the network's input.")
    augmentation: Augmentation = Augmentation()
    pretrained: bool = Field(True, description="Backbones start from pretrained weights.")
    substitute: dict[str, str] = Field(
        {}, description="Backbone -> the backbone that stands in for it; named in the caption."
    )
    method: dict[str, Any] = Field(
        {}, description="Defaults for options of any method that has them."
    )
    loss: str | dict[str, Any] = Field(
        "bce", description="Loss of binary attributes by name, or {name:, options}."
    )
    losses: dict[str, str | dict[str, Any]] = Field(
        {}, description="Losses of other tasks: task or kind of task -> loss, as in `loss`."
    )
    weighting: str | dict[str, Any] = Field(
        "equal", description="How the losses of several tasks are joined, as in `loss`."
    )
    start_at_prior: bool = Field(
        True, description="Start last biases at the train labels' log-odds, or their mean shape."
    )
    optimizer: Literal["adam", "adamw", "sgd"] = Field(
        "adam", description="adam, adamw or sgd, for every stage."
    )
    learning_rate: float = Field(
        3e-4, gt=0, description="Of every stage that `stage_learning_rate` does not name."
    )
    weight_decay: float = Field(0.0, ge=0, description="As the optimizer defines it (L2 in adam).")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD's momentum, Adam's beta1.")
    schedule: Literal["constant", "cosine"] = Field(
        "constant", description="constant, or cosine to zero over each stage."
    )
    batch_size: int = Field(36, ge=1, description="Images a step; a last batch of one is left out.")
    micro_batch: Annotated[int, Field(ge=2)] | None = Field(
        None,
        description="Pass a batch through the network in parts of at most this many images, to "
        "save memory; the loss and the step are the whole batch's, BatchNorm sees a part.",
    )
    epochs: int = Field(5, ge=1, description="Epochs of the joint stage.")
    stage_epochs: dict[str, Annotated[int, Field(ge=0)]] = Field(
        {"global": 3, "groups": 1}, description="Epochs of the stages before; 0 leaves one out."
    )
    stage_learning_rate: dict[str, Annotated[float, Field(gt=0)]] = Field(
        {}, description="Learning rate of a stage, where it differs."
    )
    selection: Literal["last", "best_valid"] = Field(
        "last", description="Which epoch's weights are scored. Choosing on test is not offered."
    )
    keypoints: str | dict[str, Any] = Field(
        "auto", description="Keypoint model; auto takes the best that the data set allows."
    )
    masks: MaskProtocol = MaskProtocol()
    mask_warp: float = Field(
        0.25, gt=0, le=1, description="Side of the warped masks relative to `crop`."
    )
    precision: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto is bfloat16 autocast on a GPU and float32 on a CPU."
    )
    threads: int = Field(2, ge=1, le=1024, description="CPU threads; part of the cell's numerics.")
    warp: Literal["auto", "opencv", "device"] = Field(
        "auto",
        description="Crop, flip and rotate with OpenCV or, all images of a batch at once, on the "
        "device; auto is the device where it is a GPU. Part of a cell's numerics.",
    )
    input: Literal["auto", "mmap", "pinned", "resident"] = Field(
        "auto",
        description="Where a device's warp reads images from: a memory map, pinned host memory, or "
        "the device's own; auto goes by free memory. No result depends on it.",
    )
    compile: Choice = Field(
        "auto",
        description="torch.compile in training: auto where it pays on a GPU; on also on a CPU. "
        "Part of a cell's numerics.",
    )
    cuda_graphs: Choice = Field(
        "off",
        description="Replay the network's kernels as CUDA graphs: auto for small batches on a "
        "GPU. Part of a cell's numerics.",
    )
    keep_weights: bool = Field(True, description="Store model.safetensors beside the scores.")

    @property
    def part_size(self) -> int | None:
        """The images of a part where batches are passed in parts, else None."""
        smaller = self.micro_batch is not None and self.micro_batch < self.batch_size
        return self.micro_batch if smaller else None


class Robustness(Section):
    """What finished cells are evaluated under: corruptions of test images, from stored weights."""

    corruptions: tuple[str | dict[str, Any], ...] = Field(
        ("occlusion", "blur", "noise", "rotation", "scale"),
        min_length=1,
        description="Names (`farbench list corruptions`), or {name:, options}.",
    )
    strengths: tuple[Literal[1, 2, 3, 4, 5], ...] = Field(
        (1, 2, 3, 4, 5), min_length=1, description="Of each; tables show the mean over them."
    )
    images: Annotated[int, Field(ge=1)] | None = Field(
        None, description="How many test images, by a fixed shuffle; null is all."
    )
    masks: tuple[Literal["predicted", "clean"], ...] = Field(
        ("predicted",),
        min_length=1,
        description="Of methods that look through masks: predicted on the changed image, as in "
        "use, or on the clean one and moved with the face.",
    )
    seed: int = Field(0, ge=0, description="Of the random numbers of the corruptions.")


class Row(Section):
    """A row of the table: one method with options."""

    id: str = Field(description="Names the row's results folder; the key in `rows`.")
    label: str = Field(description="What the table prints; the id if left out.")
    method: str = Field(description="A name that `farbench list methods` prints.")
    options: dict[str, Any] = Field({}, description="Options of the method.")
    marks: tuple[str, ...] = Field((), description="Check-mark columns that are ticked.")
    protocol: dict[str, Any] = Field({}, description="Protocol keys this row changes.")
    tasks: tuple[str, ...] = Field((), description="Tasks of this row; empty: the benchmark's.")
    alone: bool = Field(False, description="Each task is trained by itself, in a cell of its own.")


class Benchmark(Section):
    """A benchmark after loading: extends, protocol, grids and overrides are resolved."""

    name: str = Field(description="The file's stem; the folder below the results root.")
    title: str = Field("", description="Printed above the table.")
    caption: str = Field("", description="Printed below the table.")
    plugins: tuple[str, ...] = Field((), description="Plugin files or folders of this benchmark.")
    datasets: tuple[str | dict[str, Any], ...] = Field(
        (), description="Names, {name:, options} or a+b; empty: the protocol's data set."
    )
    join: bool = Field(False, description="Train on all data sets together, not on one by one.")
    tasks: tuple[str, ...] = Field(
        (), description="What is predicted; empty: what the data set says is its default."
    )
    protocol: Protocol = Field(description="How all rows are trained.")
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = Field(
        (0,), description="Every row is run with each."
    )
    metrics: tuple[str, ...] = Field(
        (), description="METRIC, of every task that has it, or TASK.METRIC; empty: the usual ones."
    )
    marks: tuple[str, ...] = Field((), description="Check-mark columns, in order.")
    compare: str | None = Field(None, description="Row id that differences are taken to.")
    published: tuple[str, ...] = Field((), description="Names in benchmarks/published/.")
    robustness: Robustness | None = Field(
        None, description="Evaluate finished cells under corruptions as well."
    )
    rows: tuple[Row, ...] = Field(description="The rows of the table, in order.")
