"""What %chat and %%chat do: a question in a conversation, with its answer as it is written."""

import dataclasses
from typing import Any

from IPython.core.interactiveshell import InteractiveShell

from ..core.answers.replies import Reply
from ..core.conversations.conversation import Conversation
from ..core.messages import text_message
from ..render.answers import Answer
from ..render.conversation import conversation_bundle, conversations_bundle
from ..render.results import note_bundle
from .chat.asides import Asides
from .chat.asked import filled_options, question_of, text_of_cell
from .chat.conversations import USUAL, Conversations
from .chat.dry_run import show_chat_dry_run
from .chat.questioner import Questioner
from .chat.typed import ask_typed, kind_named
from .display import is_chat_cell
from .gateway_magics import GatewayMagics
from .lines.options import ChatOptions, parse_chat_line
from .values.parts import Filled
from .values.variables import Names, fill


class Chats:
    """Questions and conversations."""

    def __init__(self, shell: InteractiveShell, gateway: GatewayMagics) -> None:
        self._ipython = shell
        self._gateway = gateway
        self._conversations = Conversations()
        self._questioner = Questioner(gateway, self._conversations)
        self._asides = Asides(shell, self._questioner)

    def chat(self, line: str, cell: str | None, local_ns: Names | None) -> Any:
        """What a line of %chat, or a cell of %%chat, gives."""
        options, notices = filled_options(
            parse_chat_line(line, is_cell=cell is not None), self._ipython, local_ns
        )
        if options.action:
            self._act(options)
            return None
        text = options.question if cell is None else text_of_cell(cell, "%%chat")
        if not text:
            self._begin_anew(options)
            return None
        filled = fill(text, self._ipython, local_ns)
        filled = dataclasses.replace(filled, notices=(*notices, *filled.notices))
        if options.kind or options.dry_run:
            return self._ask_typed_or_dry(filled, options, local_ns)
        if options.compare:
            return self._asides.compare(filled, options)
        if options.background:
            return self._asides.answer_in_background(filled, options)
        return self._ask(filled, options, owns_cell=cell is not None and is_chat_cell(self._ipython))

    def close(self) -> None:
        """Stop what is being answered in the background."""
        self._asides.close()

    def _ask_typed_or_dry(self, filled: Filled, options: ChatOptions, local_ns: Names | None) -> Any:
        kind = kind_named(options.kind, self._ipython, local_ns) if options.kind else None
        question = question_of(filled, options, self._conversation(options), self._gateway.gateway_config)
        if options.dry_run:
            show_chat_dry_run(question, self._conversations, self._gateway, kind=kind)
            return None

        def keep(value: Any) -> None:
            if options.output:
                self._ipython.user_ns[options.output] = value
            self._conversations.put(options.name, question.conversation)

        return ask_typed(question, kind, self._conversations, self._gateway, keep=keep)

    def _conversation(self, options: ChatOptions) -> Conversation:
        self._conversations.check_free(options.name)
        return Conversation() if options.new else self._conversations.named(options.name)

    def _ask(self, filled: Filled, options: ChatOptions, *, owns_cell: bool) -> Reply:
        conversation = self._conversation(options)
        live = self._gateway.live_answer("Waiting for the answer", owns_cell=owns_cell)
        asking, shown_as = self._questioner.asking(filled, options, conversation, live)

        def shown(reply: Reply) -> Answer:
            self._keep(reply, options)
            return shown_as(reply)

        reply = live.follow(asking.reply(), shown)
        self._conversations.put(options.name, conversation)
        self._gateway.shown.note(reply)
        return reply

    def _keep(self, reply: Reply, options: ChatOptions) -> None:
        """Put a reply, or what came of it, into the variable that was asked for."""
        if options.output:
            self._ipython.user_ns[options.output] = reply

    def _begin_anew(self, options: ChatOptions) -> None:
        """`%chat --new` without a question."""
        self._conversations.check_free(options.name)
        system = [text_message("system", options.system)] if options.system else []
        self._conversations.put(options.name, Conversation(system))
        self._say("The conversation begins anew.")

    def _act(self, options: ChatOptions) -> None:
        if options.action in ("undo", "load"):
            self._conversations.check_free(options.name)
        conversation = self._conversations.named(options.name)
        match options.action:
            case "history":
                self._gateway.output("").show(conversation_bundle(conversation.messages))
            case "list":
                counts = self._conversations.turn_counts()
                self._gateway.output("").show(conversations_bundle(counts, USUAL))
            case "undo":
                conversation.undo()
                self._say(f"Taken back; {_count(conversation)} left.")
            case "save":
                path = conversation.save(options.file)
                self._say(f"Saved {_count(conversation)} in {str(path)!r}.")
            case "load":
                conversation.load(options.file)
                self._conversations.put(options.name, conversation)
                self._say(f"Loaded {_count(conversation)} from {options.file!r}.")

    def _say(self, text: str) -> None:
        self._gateway.output("").show(note_bundle(text))


def _count(conversation: Conversation) -> str:
    count = len(conversation.messages)
    return f"{count} message{'' if count == 1 else 's'}"
