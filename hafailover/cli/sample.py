"""``hafailover sample``: an annotated configuration to start from."""

import click

from hafailover.config.sample import render_sample, render_short_sample


@click.command()
@click.option(
    "--arbiter",
    type=click.Choice(["etcd", "fence", "ping", "none"]),
    default="ping",
    show_default=True,
    help="The arbiter that the sample shows.",
)
@click.option("--short", is_flag=True, help="Only what has to be set, without explanations.")
def sample(*, arbiter: str, short: bool) -> None:
    """Print an annotated configuration for a pair of nodes.

    Every key is there with its meaning; those that may be left out stand behind a #, at their
    default or with an example.
    """
    render = render_short_sample if short else render_sample
    click.echo(render(arbiter=arbiter), nl=False)
