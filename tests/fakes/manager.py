"""A service manager that remembers what it was told, and signals sent by a test."""


class RememberingManager:
    def __init__(self) -> None:
        self.told: list[str] = []

    def starting(self, patience_s: float) -> None:
        self.told.append(f"starting {patience_s:.0f}")

    def ready(self) -> None:
        self.told.append("ready")

    def reloading(self) -> None:
        self.told.append("reloading")

    def stopping(self) -> None:
        self.told.append("stopping")

    def alive(self) -> None:
        self.told.append("alive")

    def status(self, sentence: str) -> None:
        self.told.append(sentence)


class SentSignals:
    def __init__(self) -> None:
        self.stop = False
        self.reload = False

    def stop_asked(self) -> bool:
        return self.stop

    def reload_asked(self) -> bool:
        reload, self.reload = self.reload, False
        return reload
