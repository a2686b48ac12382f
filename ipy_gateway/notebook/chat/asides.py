"""Questions beside the conversation: in the background, or to several models at once."""

from IPython.core.interactiveshell import InteractiveShell

from ...core.answers.replies import Reply
from ...core.conversations.conversation import Conversation
from ..display import is_watched
from ..lines.options import ChatOptions
from ..values.parts import Filled
from .asked import question_of
from .background import BackgroundAnswer, answer_in_background, answered
from .background_output import BackgroundOutput
from .compare import Comparison, ComparisonOutput, Contestant, contestants_of
from .questioner import Questioner


class Asides:
    """Asks them, and keeps those that are being answered."""

    def __init__(self, shell: InteractiveShell, questioner: Questioner) -> None:
        self._shell = shell
        self._questioner = questioner
        self._gateway = questioner.gateway
        self._conversations = questioner.conversations
        self._under_way: list[BackgroundAnswer] = []

    def answer_in_background(self, filled: Filled, options: ChatOptions) -> BackgroundAnswer:
        """Begin to answer a question, or answer it where nobody watches."""
        conversation = self._conversation(options)
        if is_watched(self._shell):
            answer = self._begin(filled, options, conversation)
        else:
            answer = self._wait(filled, options, conversation)
        self._keep(answer, options)
        return answer

    def compare(self, filled: Filled, options: ChatOptions) -> Comparison:
        """Ask several models the same, and show their answers side by side."""
        config = self._gateway.gateway_config
        contestants = []
        for label, theirs in contestants_of(options):
            conversation = Conversation() if options.new else self._conversations.branch(options.name)
            question = question_of(filled, theirs, conversation, config)
            player = self._conversations.recording_of(conversation, filled.recordings)
            contestants.append(Contestant(label, question, self._conversations, player=player))
        output = ComparisonOutput(self._shell, contestants, self._gateway.bridge)
        try:
            output.follow()
        finally:
            comparison = output.comparison()
            self._keep(comparison, options)
        return comparison

    def close(self) -> None:
        """Stop what is being answered in the background."""
        for answer in self._under_way:
            answer.cancel()
        for answer in self._under_way:
            answer.wait_until_stopped()

    def _conversation(self, options: ChatOptions) -> Conversation:
        if not options.name:
            return Conversation() if options.new else self._conversations.branch(None)
        self._conversations.check_free(options.name)
        return Conversation() if options.new else self._conversations.named(options.name)

    def _begin(self, filled: Filled, options: ChatOptions, conversation: Conversation) -> BackgroundAnswer:
        output = BackgroundOutput(self._shell)
        asking, shown_as = self._questioner.asking(filled, options, conversation, output)

        async def reply() -> Reply:
            answer = await asking.reply()
            if options.name:
                self._conversations.put(options.name, conversation)
            return answer

        def end() -> None:
            if options.name:
                self._conversations.end(options.name)

        output.begin()
        if options.name:
            self._conversations.begin(options.name)
        answer = answer_in_background(reply, output, shown_as=shown_as, at_end=end)
        self._under_way = [*(other for other in self._under_way if not other.done), answer]
        return answer

    def _wait(self, filled: Filled, options: ChatOptions, conversation: Conversation) -> BackgroundAnswer:
        live = self._gateway.live_answer("Waiting for the answer", owns_cell=False)
        asking, shown_as = self._questioner.asking(filled, options, conversation, live)
        reply = live.follow(asking.reply(), shown_as)
        if options.name:
            self._conversations.put(options.name, conversation)
        return answered(live.incoming, reply)

    def _keep(self, value: BackgroundAnswer | Comparison, options: ChatOptions) -> None:
        if options.output:
            self._shell.user_ns[options.output] = value
        self._gateway.shown.note(value)
