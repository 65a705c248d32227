"""What ``--backend-config`` can say: MLflow's keys, and ours."""

from __future__ import annotations

from attrs import field, frozen, validators


@frozen(kw_only=True)
class Settings:
    """How jobs are made and followed. MLflow's keys are written with hyphens, too."""

    kube_context: str = ""
    """The context of the kubeconfig; "": its current one, or that of the pod we run in."""
    repository_uri: str = ""
    """Where an image with the project inside is pushed, REGISTRY/NAME; "": the image holds it."""
    kube_job_template_path: str = ""
    """A file with a Job in YAML, of which the first container is the project's."""
    namespace: str = ""
    """The namespace; "": that of the template, or of the context."""
    image: str = ""
    """The image for projects that name none."""
    shell: str = field(default="bash", validator=validators.matches_re(r"[\w/][\w./-]*"))
    """The shell of the image that runs the command."""
    program: str = field(default="", validator=validators.in_(["", "docker", "podman"]))
    """What builds and pushes images: docker or podman; "": the first that works."""
    tracking_uri: str = ""
    """The tracking server as pods reach it; "": KUBE_MLFLOW_TRACKING_URI, or as here."""
    poll_seconds: float = field(default=2.0, validator=validators.gt(0))
    """How often the cluster is asked."""
    patience_seconds: float = field(default=3600.0, validator=validators.ge(0))
    """How long the cluster may give no answer before the run counts as failed."""
    start_seconds: float = field(default=600.0, validator=validators.ge(0))
    """How long an image may be impossible to get before the run fails."""
