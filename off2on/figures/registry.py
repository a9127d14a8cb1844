"""The table of figures: what each shows, what the paper found, which curves it has, what it reads.

Which methods a figure draws, and what it calls them, is in the methods' entries (off2on/methods.py).
"""

from dataclasses import replace

from off2on.errors import find
from off2on.figures.spec import AUROC, OFFLINE_SHARE, Curves, FigureSpec

#: which dataset a panel of the main text shows, where several have all curves
PREFERRED = ("medium", "medium-replay", "medium-expert", "random")

# The analyses of Figure 4; Figures 9 to 12 show them for all tasks.
BUFFER = Curves(
    "runs of Ours",
    each="dataset",
    quantity=OFFLINE_SHARE,
    least=1,
    statistics=("last", "first"),
    main="medium-expert",
    against=("random",),
)
ENSEMBLE = Curves("runs of Ours with AUROC", each="q-function", quantity=AUROC, statistics=("mean", "last"))
SAMPLING = Curves("dataset with two ways of sampling", statistics=("final", "mean", "lowest", "first"))
SIZE = Curves("dataset with two ensemble sizes", each="size")

#: the main comparison
MAIN = FigureSpec(
    "fig_3",
    "Figure 3: main comparison",
    "Average return of deterministic evaluation episodes during online fine-tuning, one panel per task "
    "and dataset. SAC learns from scratch and is the same in every panel of a task.",
    "Ours is best on most tasks, in speed and in final return, and well above SAC-ft. AWAC and BCQ-ft are "
    "competitive on medium-expert data, and below SAC on random data. Ours can be unstable at first on "
    "narrow data (medium-expert). 250k steps, 4 seeds, N = 5.",
    Curves("runs of the main methods", least=1, main="ours", against=("sac-ft",), ranks=True),
)

FIGURES = {
    spec.name: spec
    for spec in (
        FigureSpec(
            "fig_1a",
            "Figure 1a: online data differs from offline data",
            "Log-likelihood of state-action pairs under a variational autoencoder of the offline data: held-out "
            "offline pairs against pairs that the CQL agent meets online.",
            "On halfcheetah-random there is a clear gap between the two.",
            needs=frozenset({"likelihoods"}),
        ),
        FigureSpec(
            "fig_1b",
            "Figure 1b: which samples to fine-tune on",
            "Average return of one CQL agent, fine-tuned with SAC's losses on halfcheetah-medium: from online "
            "samples only, or from offline and online samples uniformly.",
            "Online only drops at once, from about 4500 to below 3000. Uniform is stable at first, then slow, and "
            "ends lower.",
            Curves(
                "dataset with both ways of sampling",
                tasks=("halfcheetah",),
                datasets=("medium",),
                statistics=("early_drop", "first", "lowest", "final"),
                main="sac-ft-online",
            ),
        ),
        FigureSpec(
            "fig_1c",
            "Figure 1c: a pessimistic or a neutral Q to start from",
            "Average return of one agent with balanced replay on halfcheetah. Its policy comes from CQL; its "
            "Q-function from CQL (pessimistic) or from fitted Q evaluation of that policy (neutral).",
            "On random data there is no difference. On medium-expert data the neutral one loses the initial "
            "policy and falls to a return of zero at one point.",
            Curves(
                "dataset with both initial Q-functions",
                tasks=("halfcheetah",),
                datasets=("random", "medium-expert"),
                statistics=("lowest", "first", "final"),
            ),
        ),
        FigureSpec(
            "fig_2",
            "Figure 2: the method",
            "N agents are pre-trained offline by CQL and become one ensemble. Online, a density ratio network "
            "gives priority to offline transitions that look like online ones, and SAC updates the whole ensemble "
            "on minibatches drawn by priority.",
            "The paper's Figure 2 illustrates its method; nothing is measured in it.",
            needs=frozenset(),
        ),
        MAIN,
        FigureSpec(
            "fig_4a",
            "Figure 4a: which data balanced replay uses",
            "Share of offline transitions in the minibatches of Ours, averaged over all minibatches between two "
            "evaluations.",
            "On random data the offline share falls quickly towards zero; on medium-expert data offline samples "
            "are replayed throughout.",
            replace(
                BUFFER,
                what="runs of Ours on random or medium-expert data",
                datasets=("random", "medium-expert"),
                panel_of="fig_9",
            ),
        ),
        FigureSpec(
            "fig_4b",
            "Figure 4b: what the ensemble knows about unseen actions",
            "AUROC of the Q-values of state-action pairs seen online against those of the same states with random "
            "actions: of the ensemble, and of a single member, the mean over all of them.",
            "The ensemble distinguishes the two better than a single Q-function.",
            replace(
                ENSEMBLE,
                what="runs of Ours with AUROC on medium-expert data",
                datasets=("medium-expert",),
                panel_of="fig_10",
            ),
        ),
        FigureSpec(
            "fig_4c",
            "Figure 4c: how samples are drawn",
            "Average return with balanced replay, with uniform samples of offline and online data, and with "
            "online samples only. All three use the same ensemble.",
            "Balanced replay is best; uniform and online-only sampling are slow and unstable.",
            replace(SAMPLING, datasets=PREFERRED, panel_of="fig_11"),
        ),
        FigureSpec(
            "fig_4d",
            "Figure 4d: how many agents",
            "Average return of Ours with N agents in the ensemble. The N agents are the first N of the same "
            "pre-training.",
            "More agents are better.",
            replace(SIZE, datasets=PREFERRED, panel_of="fig_12"),
        ),
        FigureSpec(
            "fig_6",
            "Figure 6: the locomotion tasks",
            "Each task as MuJoCo draws it.",
            "The paper's text does not mention its Figure 6; we read it as pictures of the locomotion tasks.",
            needs=frozenset({"renders"}),
        ),
        FigureSpec(
            "fig_8",
            "Figure 8: CQL's regularisation online",
            "Average return of Ours, which drops CQL's penalty when fine-tuning starts (No reg), and of the same "
            "with the penalty kept (CQL reg). Balanced replay in both.",
            "The penalty blocks improvement.",
            Curves("dataset with and without the CQL term"),
        ),
        FigureSpec(
            "fig_9",
            "Figure 9: which data balanced replay uses, all tasks",
            "Figure 4a for all tasks: share of offline transitions in the minibatches of Ours, one curve per "
            "dataset.",
            "How much offline data is used depends on how relevant it is, with the same trends on all tasks.",
            BUFFER,
        ),
        FigureSpec(
            "fig_10",
            "Figure 10: what the ensemble knows about unseen actions, all tasks",
            "Figure 4b for all tasks and datasets: AUROC of the Q-values of online pairs against random actions.",
            "The AUROC of the ensemble is above that of a single Q-function.",
            ENSEMBLE,
        ),
        FigureSpec(
            "fig_11",
            "Figure 11: how samples are drawn, all tasks",
            "Figure 4c for all tasks and datasets: average return with three ways of sampling, and the "
            "ensemble in all of them.",
            "Balanced replay gains most on hopper and walker2d.",
            SAMPLING,
        ),
        FigureSpec(
            "fig_12",
            "Figure 12: how many agents, all tasks",
            "Figure 4d for all tasks and datasets: average return of Ours with N agents.",
            "Returns grow with N; N = 5 was chosen for its cost.",
            SIZE,
        ),
        FigureSpec(
            "fig_13",
            "Figure 13: which data to start from, in the long run",
            "Average return on halfcheetah of Ours, and of the same ensemble with Q-functions from fitted Q "
            "evaluation. One million environment steps at scale paper; other scales show their usual runs.",
            "Ours reaches about 15k from random data and about 12k from medium and medium-replay, where "
            "medium-replay ends lowest. FQE init ends equally high, but clearly lower on random, and drops at "
            "first on medium and medium-expert.",
            Curves(
                "dataset with both initial Q-functions",
                tasks=("halfcheetah",),
                budget=None,
                statistics=("final", "early_drop"),
            ),
        ),
        FigureSpec(
            "fig_14",
            "Figure 14: two density ratios",
            "Average return of Ours with priorities from the ratio of online to offline density, and from that of "
            "online density to an equal mixture of both. We do not know the paper's formula for the second.",
            "There is little difference in most cases.",
            Curves("dataset with both density ratios"),
        ),
        FigureSpec(
            "fig_x0",
            "Figure X0: the main comparison over all tasks",
            "The final normalised scores of Figure 3 taken together, after Agarwal et al. 2021: interquartile "
            "mean, how often a run of Ours beats one of another method on a dataset, the share of runs above a "
            "score, and the interquartile mean over environment steps.",
            "The paper has no such figure: it compares curves task by task, of four seeds each.",
            runs_of=MAIN,
        ),
        FigureSpec(
            "table_b",
            "Appendix B: what an ensemble costs",
            "Time of a gradient step and of an action, and memory, with N agents: all of them in one batched "
            "product per layer, as in this project, and as a loop over separate networks.",
            "Appendix B of the paper gives the cost; we do not know its numbers.",
            needs=frozenset({"cost"}),
            latex=True,
        ),
    )
}


def get_figure(name: str) -> FigureSpec:
    """The figure of that name.

    Raises:
        Off2OnError: there is none.
    """
    return find("figure", name, FIGURES)
