"""The node types of each grammar, grouped by what their code does, for the rules about variables and functions."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kinds:
    """Node types of one language. An expression of a type that is not listed is treated like a call."""

    blocks: frozenset[str]
    """Nodes whose children are statements, where a variable can be declared before any statement."""
    functions: frozenset[str]
    """Nodes with their own local variables and a block as body."""
    names: frozenset[str]
    constants: frozenset[str]
    """Literals. A string with interpolations has the effects of the interpolated expressions."""
    operators: frozenset[str]
    """Expressions that only combine the values of their parts."""
    reads: frozenset[str]
    """Expressions that read the state of an object."""
    calls: frozenset[str]
    assigns: frozenset[str]
    """Expressions that assign a name, or that suspend the function (`yield`)."""
    mutable: frozenset[str]
    """Expressions that create a new object, which can change later."""
    neutral: frozenset[str]
    """Nodes that are not evaluated: types, comments, parts of literals."""
    loops: frozenset[str]

    @property
    def expressions(self) -> frozenset[str]:
        """All known expressions."""
        return self.names | self.constants | self.operators | self.reads | self.calls | self.assigns


_COMMENTS = {"comment", "line_comment", "block_comment"}

PYTHON = Kinds(
    blocks=frozenset({"module", "block"}),
    functions=frozenset({"function_definition"}),
    names=frozenset({"identifier"}),
    constants=frozenset({"string", "concatenated_string", "integer", "float", "true", "false", "none", "ellipsis"}),
    operators=frozenset(
        {
            "binary_operator", "boolean_operator", "comparison_operator", "not_operator", "unary_operator",
            "conditional_expression", "parenthesized_expression", "tuple", "expression_list", "list", "set",
            "dictionary", "pair",
        }
    ),
    reads=frozenset({"attribute", "subscript", "slice", "lambda", "list_splat", "dictionary_splat", "interpolation"}),
    calls=frozenset(
        {
            "call", "await", "list_comprehension", "set_comprehension", "dictionary_comprehension",
            "generator_expression",
        }
    ),
    assigns=frozenset({"yield", "named_expression"}),
    mutable=frozenset(
        {
            "list", "set", "dictionary", "list_comprehension", "set_comprehension", "dictionary_comprehension",
            "generator_expression", "lambda",
        }
    ),
    neutral=frozenset(
        {
            "type", "string_start", "string_content", "string_end", "escape_sequence", "format_specifier",
            "type_conversion", *_COMMENTS,
        }
    ),
    loops=frozenset({"for_statement", "while_statement"}),
)  # fmt: skip

SCRIPT = Kinds(
    blocks=frozenset({"program", "statement_block"}),
    functions=frozenset(
        {
            "function_declaration", "function_expression", "generator_function_declaration", "generator_function",
            "arrow_function", "method_definition",
        }
    ),
    names=frozenset({"identifier", "shorthand_property_identifier"}),
    constants=frozenset({"string", "template_string", "number", "true", "false", "null", "undefined", "regex"}),
    operators=frozenset(
        {
            "binary_expression", "unary_expression", "ternary_expression", "parenthesized_expression", "array",
            "object", "pair", "as_expression", "satisfies_expression", "non_null_expression", "this", "jsx_attribute",
            "jsx_closing_element", "jsx_expression", "jsx_opening_element", "jsx_text",
        }
    ),
    reads=frozenset(
        {
            "member_expression", "subscript_expression", "template_substitution", "spread_element", "arrow_function",
            "function_expression", "optional_chain",
        }
    ),
    calls=frozenset(
        {"call_expression", "new_expression", "await_expression", "jsx_element", "jsx_self_closing_element"}
    ),
    assigns=frozenset(
        {
            "yield_expression", "assignment_expression", "augmented_assignment_expression", "update_expression",
            "sequence_expression",
        }
    ),
    mutable=frozenset({"array", "object", "regex", "arrow_function", "function_expression", "new_expression"}),
    neutral=frozenset(
        {
            "property_identifier", "private_property_identifier", "string_fragment", "escape_sequence",
            "type_annotation", "type_arguments", "type_identifier", "predefined_type", "generic_type", "union_type",
            "array_type", "literal_type", "regex_pattern", "regex_flags", *_COMMENTS,
        }
    ),
    loops=frozenset({"for_statement", "for_in_statement", "while_statement", "do_statement"}),
)  # fmt: skip

JAVA = Kinds(
    blocks=frozenset({"block", "constructor_body"}),
    functions=frozenset({"method_declaration", "constructor_declaration", "lambda_expression"}),
    names=frozenset({"identifier"}),
    constants=frozenset(
        {
            "decimal_integer_literal", "hex_integer_literal", "octal_integer_literal", "binary_integer_literal",
            "decimal_floating_point_literal", "hex_floating_point_literal", "true", "false", "character_literal",
            "string_literal", "class_literal", "null_literal",
        }
    ),
    operators=frozenset(
        {
            "binary_expression", "unary_expression", "ternary_expression", "parenthesized_expression",
            "cast_expression", "instanceof_expression", "this",
        }
    ),
    reads=frozenset({"field_access", "array_access", "lambda_expression", "method_reference"}),
    calls=frozenset({"method_invocation", "object_creation_expression", "array_creation_expression"}),
    assigns=frozenset({"assignment_expression", "update_expression"}),
    mutable=frozenset({"object_creation_expression", "array_creation_expression"}),
    neutral=frozenset(
        {
            "string_fragment", "escape_sequence", "type_identifier", "integral_type", "floating_point_type",
            "boolean_type", "void_type", "generic_type", "scoped_type_identifier", "array_type", "type_arguments",
            "modifiers", "dimensions", *_COMMENTS,
        }
    ),
    loops=frozenset({"for_statement", "enhanced_for_statement", "while_statement", "do_statement"}),
)  # fmt: skip

GO = Kinds(
    blocks=frozenset({"block", "statement_list"}),
    functions=frozenset({"function_declaration", "method_declaration", "func_literal"}),
    names=frozenset({"identifier"}),
    constants=frozenset(
        {
            "int_literal", "float_literal", "imaginary_literal", "rune_literal", "true", "false",
            "interpreted_string_literal", "raw_string_literal",
        }
    ),
    operators=frozenset({"binary_expression", "unary_expression", "parenthesized_expression", "expression_list"}),
    reads=frozenset({"selector_expression", "index_expression", "slice_expression"}),
    calls=frozenset(
        {"call_expression", "type_conversion_expression", "type_assertion_expression", "composite_literal"}
    ),
    assigns=frozenset(),
    mutable=frozenset({"composite_literal"}),
    neutral=frozenset(
        {
            "field_identifier", "package_identifier", "type_identifier", "escape_sequence", "pointer_type",
            "slice_type", "array_type", "map_type", "qualified_type", "interpreted_string_literal_content",
            "raw_string_literal_content", *_COMMENTS,
        }
    ),
    loops=frozenset({"for_statement"}),
)  # fmt: skip

KINDS = {"go": GO, "java": JAVA, "javascript": SCRIPT, "python": PYTHON, "tsx": SCRIPT, "typescript": SCRIPT}
"""The node types by the name of the language."""
