"""The methods that ship with farbench, as an ordinary plugin."""

from __future__ import annotations

from collections.abc import Sequence

from farbench import Grouping, Method, hookimpl


@hookimpl
def farbench_methods() -> Sequence[type[Method]]:
    """Provide the baseline, the systems of the five papers, and the peers of MGMTN's Table 2."""
    from farbench_methods.aps import APS
    from farbench_methods.attribute_grouping import AttributeGrouping
    from farbench_methods.attributes_landmarks import AttributesLandmarks
    from farbench_methods.baseline import Baseline
    from farbench_methods.dmm_cnn import DMMCNN
    from farbench_methods.dmtl import DMTL
    from farbench_methods.dynamic_mtl import DynamicMTL
    from farbench_methods.far_amtn import FarAMTN
    from farbench_methods.farl_head import FaRLHead
    from farbench_methods.linear_head import LinearHead
    from farbench_methods.mcnn_aux import MCNNAux
    from farbench_methods.mgmtn import AML, G2FFChannel, G2FFChannelSpatial, G2FFSpatial
    from farbench_methods.mobilenetv3_mha import MobileNetV3MHA
    from farbench_methods.moon import Moon
    from farbench_methods.ps_mcnn import PSMCNN
    from farbench_methods.spl_net import SPLNet

    return [
        *(Baseline, LinearHead),
        *(AttributeGrouping, AML, G2FFChannel, G2FFSpatial, G2FFChannelSpatial),
        *(FarAMTN, DynamicMTL, MobileNetV3MHA, AttributesLandmarks),
        *(APS, DMMCNN, DMTL, FaRLHead, MCNNAux, Moon, PSMCNN, SPLNet),
    ]


@hookimpl
def farbench_groupings() -> Sequence[Grouping]:
    """Provide the attribute groupings of the papers."""
    from farbench_methods.groupings import GROUPINGS

    return GROUPINGS
