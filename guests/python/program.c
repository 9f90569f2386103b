/* program.c - from source text to a code object that also keeps the value of a final expression.
 *
 * Where somebody reads it, a program that ends in an expression shows its value. In the syntax tree
 * that last statement becomes an assignment to a name no program can spell; nothing else changes,
 * so line numbers and tracebacks stay as they are, and there is one code object for everything.
 */
#define Py_BUILD_CORE 1
#include "interpreter.h"

#include "internal/pycore_ast.h"
#include "internal/pycore_compile.h"
#include "internal/pycore_parser.h"
#include "internal/pycore_pyarena.h"

PyObject *clo_program_result_name;

static int keep_last_value(mod_ty program, PyArena *arena)
{
    asdl_stmt_seq *body = program->v.Module.body;
    Py_ssize_t count = asdl_seq_LEN(body);
    asdl_expr_seq *targets;
    stmt_ty last, assignment;
    expr_ty name;

    if (count == 0) {
        return 0;
    }
    last = asdl_seq_GET(body, count - 1);
    if (last->kind != Expr_kind) {
        return 0;
    }
    name = _PyAST_Name(clo_program_result_name, Store, last->lineno, last->col_offset,
                       last->end_lineno, last->end_col_offset, arena);
    targets = _Py_asdl_expr_seq_new(1, arena);
    if (name == NULL || targets == NULL) {
        return -1;
    }
    asdl_seq_SET(targets, 0, name);
    assignment = _PyAST_Assign(targets, last->v.Expr.value, NULL, last->lineno, last->col_offset,
                               last->end_lineno, last->end_col_offset, arena);
    if (assignment == NULL) {
        return -1;
    }
    asdl_seq_SET(body, count - 1, assignment);
    return 0;
}

PyObject *clo_program_compile(const char *source, PyObject *filename, int keep)
{
    PyCompilerFlags flags = {
        .cf_flags = PyCF_SOURCE_IS_UTF8 | PyCF_IGNORE_COOKIE | PyCF_ALLOW_TOP_LEVEL_AWAIT,
        .cf_feature_version = PY_MINOR_VERSION,
    };
    PyObject *code = NULL;
    PyArena *arena;
    mod_ty program;

    if (clo_program_result_name == NULL) {
        clo_program_result_name = PyUnicode_InternFromString("<result>");
        if (clo_program_result_name == NULL) {
            return NULL;
        }
    }
    if (strncmp(source, "\xEF\xBB\xBF", 3) == 0) {
        source += 3; /* the byte-order mark that some editors write */
    }
    arena = _PyArena_New();
    if (arena == NULL) {
        return NULL;
    }
    program = _PyParser_ASTFromString(source, filename, Py_file_input, &flags, arena);
    if (program != NULL && (!keep || keep_last_value(program, arena) == 0)) {
        code = (PyObject *)_PyAST_Compile(program, filename, &flags, -1, arena);
    }
    _PyArena_Free(arena);
    return code;
}
