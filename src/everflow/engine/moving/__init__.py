"""Moving: what a store holds is carried to another one, live runs included, and goes on there.

Four rules hold, whatever is cut at any point, on either side.

* **The source gives up first.** What goes is fenced there for good, in one transaction with a
  record that names it (``leaving``): from then on nobody runs it there, and a living worker's
  batches are refused what they bear of it. Only then is it written to the target. In between nobody
  has it; never do two.
* **Nothing is begun before it was compared.** Runs arrive as copies that nobody runs. What was
  written is read back and compared with what was sent, and only then do they go on, in one
  transaction with a record that says so (``arrived``). So who comes again knows what is left to do.
* **Who waits goes with who is waited for.** A run, those that it called and the one that called it
  leave in one transaction, while they go on: no end of a child's is told to somebody who left.
* **A name stays.** Ids, keys, tokens and links are the same there. The source keeps a copy that
  takes nothing, and says where the run is.

What isn't a run's goes along where everything goes: each record is deleted at the source before it
is at the target, so that a schedule fires on one side. Both are spoken to under the seal: what is
sealed stays so, and needs no keys.
"""

from everflow.engine.moving.choice import Choice
from everflow.engine.moving.move import MoveReport, move

__all__ = ["Choice", "MoveReport", "move"]
