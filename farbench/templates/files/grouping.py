"""my_grouping, an attribute grouping. Change what is marked 1 to 3.

After each change: farbench test-plugin my_grouping.py
"""

from __future__ import annotations

from farbench import CELEBA_ATTRIBUTES, Grouping

# 1. The attributes of each group, spelled as the data set has them. Each attribute of the data set
#    is in exactly one group; attributes that a data set lacks are passed over.
HAIR = (
    *("Bald", "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"),
    *("Receding_Hairline", "Straight_Hair", "Wavy_Hair", "Wearing_Hat"),
)
EYES = ("Arched_Eyebrows", "Bags_Under_Eyes", "Bushy_Eyebrows", "Eyeglasses", "Narrow_Eyes")
MOUTH = (
    *("5_o_Clock_Shadow", "Big_Lips", "Goatee", "Mouth_Slightly_Open", "Mustache"),
    *("No_Beard", "Smiling", "Wearing_Lipstick"),
)
REST = tuple(name for name in CELEBA_ATTRIBUTES if name not in {*HAIR, *EYES, *MOUTH})

# A method with an option `grouping` takes it by its name: `{method: aml, grouping: my_grouping}`.
MY_GROUPING = Grouping(
    name="my_grouping",
    source="TO FILL IN: paper, table.",
    # 2. The groups, in the paper's order: one head of the network each.
    groups={"Hair": HAIR, "Eyes": EYES, "Mouth": MOUTH, "Rest": REST},
    # 3. Where each group shows, by the regions that masks know (docs/masks.md). A grouping that has
    #    heads, but no masks, has regions={}.
    regions={"Hair": "hair", "Eyes": "eyes", "Mouth": "mouth", "Rest": "face"},
)
