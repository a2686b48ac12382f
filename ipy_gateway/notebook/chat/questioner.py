"""From what a cell says to a question on its way, and to what is shown of its answer."""

from collections.abc import Callable
from dataclasses import dataclass

from ...core.answers.replies import Reply
from ...core.conversations.conversation import Conversation
from ...render.answers import Answer, answer_of
from ..gateway_magics import GatewayMagics
from ..lines.options import ChatOptions
from ..values.parts import Filled
from .asked import question_of
from .conversations import Asking, Conversations
from .live import LiveAnswer

ShownAs = Callable[[Reply], Answer]


@dataclass(frozen=True, slots=True)
class Questioner:
    """Asks with what is configured, and remembers what conversations are about."""

    gateway: GatewayMagics
    conversations: Conversations

    def asking(
        self, filled: Filled, options: ChatOptions, conversation: Conversation, live: LiveAnswer
    ) -> tuple[Asking, ShownAs]:
        """A question that will be answered into `live`, and what to show of its reply, in the end."""
        question = question_of(filled, options, conversation, self.gateway.gateway_config)
        player = self.conversations.recording_of(conversation, filled.recordings)
        asking = Asking(question, self.conversations, live.incoming)
        is_headless = self.gateway.is_headless  # now: another cell may be running in the end

        def shown_as(reply: Reply) -> Answer:
            return answer_of(
                reply,
                player=player,
                notices=asking.notices,
                seconds=live.seconds,
                first_token_s=live.incoming.first_token_s,
                is_deterministic=is_headless,
            )

        return asking, shown_as
