"""One scheduled stage -> its C file: operators' constants, where its tensors are, and the loop nest that runs it.

Each group of operators becomes a function that makes the rows of one tensor up to a given one and first calls for the
rows it needs of its inputs; the stage function sets the columns of each strip and calls for the last tensor's rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from msf_riot.codegen.names import operator_name, tensor_name
from msf_riot.ir import (
    Concat,
    Dense,
    DepthToSpace,
    Gather,
    Operator,
    ResizeBilinear,
    Tensor,
)
from msf_riot.kernels import PORTABLE, Call, Constants, KernelSet, Source, load, taking
from msf_riot.scheduler import Schedule, ScheduledStage
from msf_riot.stage import Buffer, Group, Layout, Network, Skeleton, ascends, part, window


def plus(text: str, number: int) -> str:
    """`text + number` as one would write it."""
    if number == 0:
        return text
    if text == "0":
        return str(number)
    if text.lstrip("-").isdigit():
        return str(int(text) + number)
    return f"{text} + {number}" if number > 0 else f"{text} - {-number}"


def times(text: str, number: int) -> str:
    """`text * number`, with the parentheses it needs."""
    if number == 1 or text == "0":
        return text
    if text.lstrip("-").isdigit():
        return str(int(text) * number)
    return f"({text}) * {number}" if " " in text else f"{text} * {number}"


def joined(left: str, right: str, sign: str = "+") -> str:
    """`left + right` or `left - right`."""
    if right == "0":
        return left
    if left == "0" and sign == "+":
        return right
    if sign == "-" and left == right:
        return "0"
    if sign == "-" and " " in right:
        right = f"({right})"
    return f"{left} {sign} {right}"


@dataclass(frozen=True, eq=False)
class StageWriter:
    """Writes the C of one stage. `prefix` begins the symbols of operators' constants, as in msf_model_vww_op_."""

    schedule: Schedule
    stage: ScheduledStage
    prefix: str

    @property
    def network(self) -> Network:
        """The network that the stage is part of."""
        return self.schedule.network

    @property
    def layout(self) -> Layout:
        """The stage's buffers."""
        return self.stage.layout

    @property
    def skeleton(self) -> Skeleton:
        """The stage's groups."""
        return self.layout.skeleton

    @cached_property
    def scratch(self) -> dict[tuple[str, str], Buffer]:
        """(tensor, place) -> buffer."""
        return {(buffer.tensor, buffer.place): buffer for buffer in self.layout.buffers}

    @cached_property
    def operators(self) -> tuple[tuple[str, Constants], ...]:
        """(name, constants) of the stage's operators."""
        graph = self.network.graph
        found: list[tuple[str, Constants]] = []
        for index in range(self.skeleton.begin, self.skeleton.end):
            name, operator = operator_name(self.network, index), self.network.operators[index]
            tile, pixels = self.layout.tiles.get(index, 1), self.call_pixels(index)
            found.append((name, self.kernels(index).constants(graph, operator, name, self.prefix, tile, pixels)))
        return tuple(found)

    def kernels(self, index: int) -> KernelSet:
        """The set whose kernel operator `index` calls. Reductions that are fed row by row have kernels for any core."""
        if any(group.reduction == index for group in self.skeleton.groups):
            return load(PORTABLE)
        return taking(self.network.kernels, self.network.graph, self.network.operators[index])

    def call(self, index: int, sources: tuple[Source, ...], out: str, pixels: str, scratch: str) -> list[str]:
        """Statements that call the kernel of operator `index`."""
        name = operator_name(self.network, index)
        constants = dict(self.operators)[name]
        call = Call(name, self.prefix, sources, out, pixels, scratch)
        return self.kernels(index).call(self.network.graph, self.network.operators[index], constants, call)

    def call_pixels(self, index: int) -> int:
        """The most pixels that one call of operator `index` computes."""
        return next((call for group, call in self.layout.calls.items() if index in group.operators), 1)

    def scratch_of(self, name: str) -> str:
        """Pointer to the scratch of the kernels of a group or of an operator between vectors, called after `name`."""
        if (name, "kernel") not in self.scratch:
            return "NULL"
        return f"s->run->arena + {self.ident(name).upper()}_SCRATCH"

    def tensor(self, name: str) -> Tensor:
        """The tensor of that name."""
        return self.network.graph.tensor(name)

    def ident(self, tensor: str) -> str:
        """The tensor's C name."""
        return tensor_name(self.network, tensor)

    @property
    def in_strips(self) -> bool:
        """True where columns vary from strip to strip."""
        return self.layout.strips > 1

    def is_made(self, name: str) -> bool:
        """True where the stage makes the tensor's rows, or asks the caller for them."""
        return any(group.output == name for group in self.skeleton.groups) or name == self.skeleton.streamed

    def first(self, name: str) -> str:
        """The first column of a tensor that the strip computes."""
        return f"s->{self.ident(name)}_first" if self.in_strips else "0"

    def columns(self, name: str) -> str:
        """The number of columns of a tensor that the strip computes."""
        return f"s->{self.ident(name)}_columns" if self.in_strips else str(self.layout.widths[name])

    def is_line(self, name: str) -> bool:
        """True where the tensor has a line buffer, which begins with the strip's first column."""
        return (name, "line") in self.scratch

    def base(self, name: str) -> str:
        """Pointer to a whole tensor, or to a vector of the stage's scratch."""
        graph = self.network.graph
        if name in graph.outputs:
            return plus("s->run->output", graph.place(name))
        if name in graph.inputs and name != self.skeleton.streamed:
            return plus("s->run->input", graph.place(name))
        return f"s->run->arena + {self.constant(name)}"

    def constant(self, name: str) -> str:
        """Name of the constant that holds a tensor's place in the arena."""
        return f"{self.ident(name)}_at".upper()

    def places(self) -> list[tuple[str, int, str]]:
        """(constant, arena offset, comment) of everything that the stage touches in the arena."""
        found: list[tuple[str, int, str]] = []
        for name in dict.fromkeys(self.skeleton.inputs + self.skeleton.outputs):
            if name in self.stage.offsets:
                height, width, channels = self.tensor(name).shape
                role = "input" if name in self.skeleton.inputs else "output"
                comment = f"{role}, {height} x {width} x {channels}"
                found.append((self.constant(name), self.stage.offsets[name], comment))
        for buffer in self.layout.buffers:
            channels = self.tensor(buffer.tensor).channels
            match buffer.place:
                case "line":
                    suffix, what = "_at", f"line buffer, {buffer.rows} rows of {buffer.width} x {channels}"
                case "pixels":
                    suffix, what = "_pixels", f"{buffer.width} pixels of {channels}"
                case "kernel":
                    suffix, what = "_scratch", f"scratch of the kernels, {buffer.size} bytes"
                case "vector":
                    suffix, what = "_at", f"vector of {channels}, after the last strip"
                case _:
                    suffix, what = "_sums", f"{channels} int32 sums"
            offset = self.stage.scratch_offset + buffer.offset
            found.append((f"{self.ident(buffer.tensor)}{suffix}".upper(), offset, what))
        return found

    def row_tensors(self) -> tuple[str, ...]:
        """Tensors that the stage reads or writes by rows."""
        names: dict[str, None] = {}
        for group in self.skeleton.groups:
            names.update({name: None for _, name in group.row_inputs(self.network)})
            if group.reduction is None:
                names[group.output] = None
        return tuple(names)

    def row_function(self, name: str) -> list[str]:
        """A function that points to a row of a tensor."""
        height, width, channels = self.tensor(name).shape
        const = "const " if name in self.network.graph.inputs and not self.is_line(name) else ""
        head = [f"static {const}int8_t *{self.ident(name)}_row(const state_t *s, int32_t row)", "{"]
        if self.is_line(name):
            buffer = self.scratch[name, "line"]
            slot = "0" if buffer.rows == 1 else "row" if buffer.rows >= height else f"row % {buffer.rows}"
            step = times(slot, buffer.width * channels)
            unused = ["    (void)row;"] if buffer.rows == 1 else []
        else:
            step = times("row", width * channels)
            unused = []
        return [*head, *unused, f"    return {joined(self.base(name), step)};", "}"]

    def state_fields(self) -> list[str]:
        """Fields of the stage's state."""
        fields = ["const msf_run_t *run;"]
        made = [group.output for group in self.skeleton.groups]
        if made and self.skeleton.streamed is not None:
            made.insert(0, self.skeleton.streamed)
        for name in dict.fromkeys(made):
            if self.in_strips:
                fields.append(f"int32_t {self.ident(name)}_first;")
                fields.append(f"int32_t {self.ident(name)}_columns;")
            if name == self.skeleton.streamed and self.is_line(name):
                fields.append(f"int32_t {self.ident(name)}_rows;")
        fields += [f"int32_t {self.group_name(group)}_rows;" for group in self.skeleton.groups]
        return fields

    def group_name(self, group: Group) -> str:
        """What the group's function and its count of rows are called after."""
        last = group.operators[-1] if group.reduction is None else group.reduction
        return operator_name(self.network, last)

    def demands(self, group: Group) -> list[str]:
        """Calls for the rows that row `y` of the group needs."""
        calls: list[str] = []
        groups = {other.output: other for other in self.skeleton.groups if other.reduction is None}
        for reader, name in group.row_inputs(self.network):
            if not self.is_made(name) or (name not in groups and name != self.skeleton.streamed):
                continue
            callee = "input" if name == self.skeleton.streamed else self.group_name(groups[name])
            calls.append(f"{callee}_until(s, {self.row_end(reader, name)});")
        return calls

    def row_end(self, reader: int, name: str) -> str:
        """The first row of the input that row `y` does not need."""
        operator, height = self.network.operators[reader], self.tensor(name).height
        reads = self.network.reads[reader][name][0]
        table = f"{self.prefix}{operator_name(self.network, reader)}"
        match operator:
            case Gather(rows=rows):
                return f"{table}_rows[y] + 1" if ascends(rows) else f"{table}_row_ends[y]"
            case ResizeBilinear():
                return f"{table}_rows[y] + ({table}_row_weights[y] > 0) + 1"
            case DepthToSpace(block=block):
                return f"y / {block} + 1"
            case Concat(axis=0):
                begins = [n for n, each in enumerate(operator.inputs) if each == name]
                return f"msf_clamp({plus('y', 1 - part(self.network.graph, operator, begins[0]))}, 1, {height})"
        axes = window(operator)
        if axes is None:
            return "y + 1"
        rows_of = axes[0]
        end = plus(times("y", rows_of.stride), rows_of.extent - rows_of.before)
        last = (len(reads.end) - 1) * rows_of.stride + rows_of.extent - rows_of.before
        if rows_of.upsampling > 1:
            end = f"({plus(end, rows_of.upsampling - 1)}) / {rows_of.upsampling}"
            last = (last + rows_of.upsampling - 1) // rows_of.upsampling
        return end if last <= height else f"msf_min({end}, {height})"

    def taps(self, reader: int, name: str) -> list[str]:
        """The row pointers of a window; NULL for rows of padding."""
        operator, height = self.network.operators[reader], self.tensor(name).height
        axes = window(operator)
        assert axes is not None
        rows = axes[0]
        label, up = operator_name(self.network, reader), rows.upsampling
        row = plus(joined(times("y", rows.stride), times("k", rows.dilation)), -rows.before)
        outputs = self.tensor(operator.output).height
        last = (outputs - 1) * rows.stride + rows.extent - 1 - rows.before
        end = height * up
        checks = [c for c, needed in (("row < 0", rows.before > 0), (f"row >= {end}", last >= end)) if needed]
        if up > 1:
            checks.append(f"row % {up} != 0")
        pointer = f"{self.ident(name)}_row(s, {'row' if up == 1 else f'row / {up}'})"
        value = f"{' || '.join(checks)} ? NULL : {pointer}" if checks else pointer
        return [
            f"const int8_t *{label}_taps[{rows.taps}];",
            f"for (int32_t k = 0; k < {rows.taps}; k++) {{",
            f"    const int32_t row = {row};",
            f"    {label}_taps[k] = {value};",
            "}",
        ]

    def source(self, reader: int, number: int, pixels: dict[str, str], made: str, x: str) -> Source:
        """Where operator `reader` finds its input `number` at the pixel `x` of the columns of `made`."""
        name = self.network.operators[reader].inputs[number]
        channels = self.tensor(name).channels
        if name in pixels:
            return Source(pixels=pixels[name])
        if self.network.takes_whole(reader, name):
            return Source(pixels=self.base(name))
        origin = self.first(name) if self.is_line(name) else "0"
        width = self.columns(name) if self.is_line(name) else str(self.tensor(name).width)
        column = joined(self.first(made), x)
        operator = self.network.operators[reader]
        axes = window(operator)
        if axes is not None:
            begin = times(origin, axes[1].upsampling)
            first_tap = joined(plus(times(column, axes[1].stride), -axes[1].before), begin, "-")
            return Source(taps=f"{operator_name(self.network, reader)}_taps", width=width, x=first_tap)
        label, row = operator_name(self.network, reader), f"{self.ident(name)}_row"
        match operator:
            case Gather():
                return Source(pixels=f"{row}(s, {self.prefix}{label}_rows[y])", first=origin, columns=column)
            case ResizeBilinear():
                return Source(taps=f"{label}_taps", first=origin, columns=column)
            case DepthToSpace(block=block):
                return Source(pixels=f"{row}(s, y / {block})", first=origin, columns=column)
            case Concat(axis=1):
                return Source(pixels=f"{row}(s, y)", first=origin, columns=column)
        at = times(joined(column, origin, "-"), channels)
        above = part(self.network.graph, operator, number) if isinstance(operator, Concat) and operator.axis == 0 else 0
        return Source(pixels=joined(f"{row}(s, {plus('y', -above)})", at))

    def group_function(self, group: Group) -> list[str]:
        """A function that makes the rows of the group's output (or feeds the reduction with them) up to `end`."""
        name = self.group_name(group)
        body = [f"const int32_t y = s->{name}_rows;", "", *self.demands(group)]
        if group.operators:
            head = self.network.operators[group.operators[0]]
            if window(head) is not None:
                body += self.taps(group.operators[0], head.inputs[0])
            elif isinstance(head, ResizeBilinear):
                label = operator_name(self.network, group.operators[0])
                row, at = f"{self.ident(head.inputs[0])}_row", f"{self.prefix}{label}_rows[y]"
                more = f"({self.prefix}{label}_row_weights[y] > 0)"
                body.append(f"const int8_t *const {label}_taps[2] = {{ {row}(s, {at}), {row}(s, {at} + {more}) }};")
        body += self.pixel_loop(group)
        body.append(f"s->{name}_rows++;")
        return [
            f"static void {name}_until(state_t *s, int32_t end)",
            "{",
            f"    while (s->{name}_rows < end) {{",
            *(f"        {line}" if line else "" for line in body),
            "    }",
            "}",
        ]

    def pixel_loop(self, group: Group) -> list[str]:
        """The operators of a group on one row: at once where it is one operator, else some pixels at a time."""
        columns = self.columns(group.output)
        step = self.layout.calls[group]
        if step == self.layout.widths[group.output]:
            return self.pixel_calls(group, "0", columns)
        lines = [f"for (int32_t x = 0; x < {columns}; x += {step}) {{"]
        count = "1"
        if step > 1:
            count = "n"
            lines.append(f"    const int32_t n = msf_min({step}, {columns} - x);")
        return [*lines, *(f"    {line}" for line in self.pixel_calls(group, "x", count)), "}"]

    def pixel_calls(self, group: Group, x: str, count: str) -> list[str]:
        """Kernel calls for `count` pixels from pixel `x` of the strip on."""
        pixels = {
            name: f"s->run->arena + {self.ident(name).upper()}_PIXELS" for name in group.pixel_tensors(self.network)
        }
        calls: list[str] = []
        for index in group.operators:
            operator = self.network.operators[index]
            numbers = range(len(operator.inputs))
            sources = tuple(self.source(index, number, pixels, group.output, x) for number in numbers)
            out = pixels.get(operator.output)
            if out is None:
                origin = "0" if self.is_line(operator.output) else self.first(operator.output)
                at = times(joined(origin, x), self.tensor(operator.output).channels)
                out = joined(f"{self.ident(operator.output)}_row(s, y)", at)
            calls += self.call(index, sources, out, count, self.scratch_of(group.output))
        if group.reduction is not None:
            calls += self.accumulate(group, pixels, x, count)
        return calls

    def accumulate(self, group: Group, pixels: dict[str, str], x: str, count: str) -> list[str]:
        """Feeds `count` pixels to the reduction of a group."""
        assert group.reduction is not None
        operator = self.network.operators[group.reduction]
        name = operator_name(self.network, group.reduction)
        tensor = self.tensor(group.output)
        source = self.source(group.reduction, 0, pixels, group.output, x).pixels
        sums = self.sums(operator)
        if isinstance(operator, Dense):
            first = times(joined(times("y", tensor.width), joined(self.first(group.output), x)), tensor.channels)
            run = times(count, tensor.channels)
            return [f"msf_dense_accumulate_s8(&{name}, {source}, (uint32_t)({first}), (uint32_t)({run}), {sums});"]
        return [f"msf_global_average_accumulate_s8(&{name}, {source}, {count}, {sums});"]

    def sums(self, operator: Operator) -> str:
        """The int32 sums of a reduction."""
        return f"(int32_t *)(void *)(s->run->arena + {self.ident(operator.output).upper()}_SUMS)"

    def column_lines(self) -> list[str]:
        """Statements that follow the strip's columns from the last tensor back to the first."""
        if not self.in_strips:
            return []
        lines: list[str] = []
        last = self.skeleton.strip_tensor
        assert last is not None
        ident = self.ident(last)
        width = self.tensor(last).width
        lines.append(f"s->{ident}_first = first;")
        lines.append(f"s->{ident}_columns = msf_min({self.layout.width}, {width} - first);")
        readers: dict[str, list[tuple[int, Group]]] = {}
        for group in reversed(self.skeleton.groups):
            for reader, name in group.row_inputs(self.network):
                if self.is_made(name):
                    readers.setdefault(name, []).append((reader, group))
        order = [group.output for group in reversed(self.skeleton.groups) if group.output != last]
        if self.skeleton.streamed is not None:
            order.append(self.skeleton.streamed)
        for name in order:
            lines += self.columns_from_readers(name, readers[name])
        return lines

    def columns_from_readers(self, name: str, readers: list[tuple[int, Group]]) -> list[str]:
        """Columns of a tensor: all that its readers need."""
        ident, width = self.ident(name), self.tensor(name).width
        begins: list[str] = []
        ends: list[str] = []
        for reader, group in readers:
            operator = self.network.operators[reader]
            first, count = self.first(group.output), self.columns(group.output)
            axes = window(operator)
            table = f"{self.prefix}{operator_name(self.network, reader)}_column"
            if isinstance(operator, Gather) and not ascends(operator.columns):
                begins.append(f"{table}_firsts[{first}]")
                ends.append(f"{table}_ends[{first} + {count} - 1]")
            elif isinstance(operator, Gather | ResizeBilinear):
                begins.append(f"{table}s[{first}]")
                last = f"[{first} + {count} - 1]"
                more = f" + ({table}_weights{last} > 0)" if isinstance(operator, ResizeBilinear) else ""
                ends.append(f"{table}s{last}{more} + 1")
            elif isinstance(operator, DepthToSpace):
                begins.append(f"{first} / {operator.block}")
                ends.append(f"({first} + {count} - 1) / {operator.block} + 1")
            elif isinstance(operator, Concat) and operator.axis == 1:
                for number, each in enumerate(operator.inputs):
                    if each == name:
                        at = part(self.network.graph, operator, number)
                        begins.append(plus(first, -at))
                        ends.append(plus(f"{first} + {count}", -at))
            elif axes is None:
                begins.append(first)
                ends.append(f"{first} + {count}")
            else:
                begin = plus(times(first, axes[1].stride), -axes[1].before)
                last = times(f"{first} + {count} - 1", axes[1].stride)
                end, up = plus(last, axes[1].extent - axes[1].before), axes[1].upsampling
                begins.append(begin if up == 1 else f"msf_max({plus(begin, up - 1)}, 0) / {up}")
                ends.append(end if up == 1 else f"({plus(end, up - 1)}) / {up}")
        begin, end = begins[0], ends[0]
        for other_begin, other_end in zip(begins[1:], ends[1:], strict=True):
            begin, end = f"msf_min({begin}, {other_begin})", f"msf_max({end}, {other_end})"
        return [
            f"s->{ident}_first = msf_clamp({begin}, 0, {width - 1});",
            f"s->{ident}_columns = msf_clamp({end}, s->{ident}_first + 1, {width}) - s->{ident}_first;",
        ]

    def input_function(self) -> list[str]:
        """The function that asks the caller for input rows, where they come through a callback."""
        name = self.skeleton.streamed
        if name is None or not self.is_line(name):
            return []
        return [
            "static void input_until(state_t *s, int32_t end)",
            "{",
            "    for (; s->input_rows < end; s->input_rows++) {",
            f"        s->run->read(s->run->context, (uint32_t)s->input_rows, (uint32_t)({self.first(name)}),",
            f"                     (uint32_t)({self.columns(name)}), input_row(s, s->input_rows));",
            "    }",
            "}",
        ]

    def kept(self) -> list[Group]:
        """Groups whose rows are all made: those of outputs and reductions, the last one first."""
        groups = self.skeleton.groups
        return [g for g in reversed(groups) if g.output in self.skeleton.outputs or g.reduction is not None]

    def run_lines(self) -> list[str]:
        """The body of the stage function."""
        lines: list[str] = []
        reductions = [group.reduction for group in self.skeleton.groups if group.reduction is not None]
        for index in sorted(reductions):
            operator = self.network.operators[index]
            sums = self.sums(operator)
            if isinstance(operator, Dense):
                lines.append(f"msf_dense_start_s8(&{operator_name(self.network, index)}, {sums});")
            else:
                size = 4 * self.tensor(operator.output).channels
                lines.append(f"memset({sums}, 0, {size});")
        if self.skeleton.groups:
            strip = [*self.column_lines()]
            counters = [f"{self.group_name(group)}_rows" for group in self.skeleton.groups]
            if self.skeleton.streamed is not None:
                counters.insert(0, "input_rows")
            strip += [f"s->{counter} = 0;" for counter in counters]
            strip += [f"{self.group_name(g)}_until(s, {self.tensor(g.output).height});" for g in self.kept()]
            if self.in_strips:
                assert self.skeleton.strip_tensor is not None
                width = self.tensor(self.skeleton.strip_tensor).width
                lines.append(f"for (int32_t first = 0; first < {width}; first += {self.layout.width}) {{")
                lines += [f"    {line}" for line in strip] + ["}"]
            else:
                lines += strip
        for index in sorted(reductions):
            operator = self.network.operators[index]
            kernel = "dense" if isinstance(operator, Dense) else "global_average"
            out = self.base(operator.output)
            name = operator_name(self.network, index)
            lines.append(f"msf_{kernel}_finish_s8(&{name}, {self.sums(operator)}, {out});")
        streamed = self.skeleton.streamed
        if streamed is not None and not self.is_line(streamed):
            lines.append(f"run->read(run->context, 0, 0, 1, {self.base(streamed)});")
        for index in self.skeleton.late:
            lines += self.late_lines(index)
        return lines

    def late_lines(self, index: int) -> list[str]:
        """Statements that run an operator between vectors."""
        operator, name = self.network.operators[index], operator_name(self.network, index)
        lines: list[str] = []
        sources: list[Source] = []
        axes = window(operator)
        for tensor in operator.inputs:
            pointer = self.base(tensor)
            if isinstance(operator, ResizeBilinear):
                lines.append(f"const int8_t *const {name}_taps[2] = {{ {pointer}, {pointer} }};")
                sources.append(Source(taps=f"{name}_taps", columns="0", row="0"))
                continue
            if axes is None:
                sources.append(Source(pixels=pointer, columns="0"))
                continue
            rows = [pointer if k * axes[0].dilation == axes[0].before else "NULL" for k in range(axes[0].taps)]
            lines.append(f"const int8_t *const {name}_taps[{len(rows)}] = {{ {', '.join(rows)} }};")
            sources.append(Source(taps=f"{name}_taps", width="1", x=str(-axes[1].before)))
        out = self.base(operator.output)
        return lines + self.call(index, tuple(sources), out, "1", self.scratch_of(operator.output))

    def describe(self) -> list[str]:
        """The comment at the head of the file."""
        first, last = self.skeleton.begin, self.skeleton.end - 1
        which = f"operator {first}" if first == last else f"operators {first} to {last}"
        strips = f"{self.layout.strips} strips of up to {self.layout.width} columns" if self.in_strips else "one strip"
        lines = [
            f"Stage {self.stage.number + 1} of {len(self.schedule.stages)}: {which}, {strips}.",
            f"{self.layout.resident_bytes:,} bytes of whole tensors, {self.layout.scratch_bytes:,} bytes of scratch; "
            f"{self.layout.macs:,} MACs.",
        ]
        for index in range(first, last + 1):
            operator = self.network.operators[index]
            shapes = " + ".join("x".join(map(str, self.tensor(n).shape)) for n in operator.inputs)
            out = "x".join(map(str, self.tensor(operator.output).shape))
            axes = window(operator)
            how = f", kernel {axes[0].taps}x{axes[1].taps}, stride {axes[0].stride}" if axes is not None else ""
            label = operator.name.replace("*/", "* /").replace("/*", "/ *")
            label = label.encode("ascii", "replace").decode().replace("\\", "/").replace("\n", " ").replace("?", ".")
            lines.append(f"  {operator_name(self.network, index)}: {shapes} -> {out}{how} ({label[-60:]})")
        return lines
