//! `rule.rhai`: what a form can't say. Compiled once; runs with limits and without clock, files, network or `eval`.

use crate::definition::Action;
use crate::diagnostic::Diagnostic;
use crate::trace::Truth;
use bo_model::settings::Values;
use bo_model::{Data, Time};
use jiff::tz::TimeZone;
use rhai::packages::{
    BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage, MoreStringPackage,
    Package,
};
use rhai::{
    AST, ASTNode, CallFnOptions, Dynamic, Engine, EvalAltResult, Expr, ImmutableString, Map, Position, Scope,
};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use std::time::Duration;

/// A `rule.rhai` longer than this is refused, in bytes.
pub(crate) const MAX_TEXT: usize = 64 * 1024;
/// Operations of one call. About 20 ms at worst on a small gateway; a rule needs some hundreds.
const MAX_OPERATIONS: u64 = 50_000;
/// Actions one call may return.
const MAX_ACTIONS: usize = 64;

/// One engine for all triggers: it holds functions and limits, nothing of any script.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut engine = Engine::new_raw();
    engine
        .register_global_module(CorePackage::new().as_shared_module())
        .register_global_module(LogicPackage::new().as_shared_module())
        .register_global_module(BasicMathPackage::new().as_shared_module())
        .register_global_module(BasicArrayPackage::new().as_shared_module())
        .register_global_module(BasicMapPackage::new().as_shared_module())
        .register_global_module(MoreStringPackage::new().as_shared_module());
    // The language's core brings a `sleep`; a rule that waits would hold up every other one.
    engine.register_fn("sleep", |_: i64| no_sleep()).register_fn("sleep", |_: f64| no_sleep());
    for word in ["eval", "import", "export"] {
        engine.disable_symbol(word);
    }
    engine
        .set_max_operations(MAX_OPERATIONS)
        .set_max_call_levels(12)
        .set_max_expr_depths(32, 16)
        .set_max_string_size(4 * 1024)
        .set_max_array_size(256)
        .set_max_map_size(256)
        .set_max_variables(128)
        .set_max_functions(64)
        .set_max_modules(0)
        .set_fail_on_invalid_map_property(true)
        .set_strict_variables(true);
    engine
        .register_type_with_name::<Now>("Now")
        .register_get("unix", |now: &mut Now| now.0.timestamp().as_second())
        .register_get("year", |now: &mut Now| i64::from(now.0.year()))
        .register_get("month", |now: &mut Now| i64::from(now.0.month()))
        .register_get("day", |now: &mut Now| i64::from(now.0.day()))
        .register_get("hour", |now: &mut Now| i64::from(now.0.hour()))
        .register_get("minute", |now: &mut Now| i64::from(now.0.minute()))
        .register_get("weekday", |now: &mut Now| {
            const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
            ImmutableString::from(NAMES[now.0.weekday().to_monday_zero_offset() as usize])
        });
    engine
});

fn no_sleep() -> Result<(), Box<EvalAltResult>> {
    Err("a rule can't sleep; use `held_for`".into())
}

/// The time of day on site, as `now` in a script.
#[derive(Clone)]
struct Now(jiff::Zoned);

/// A compiled `rule.rhai`.
#[derive(Debug)]
pub(crate) struct Script {
    ast: AST,
    params: Map,
    /// Whether `condition` exists, and whether it asks for `now`.
    pub condition: Option<bool>,
    /// Whether `actions` exists.
    pub actions: bool,
}

impl Script {
    /// Compiles. `inputs` and `params` are the names that may be used.
    pub(crate) fn compile(text: &str, inputs: &[&str], params: &Values) -> Result<Script, Vec<Diagnostic>> {
        if text.len() > MAX_TEXT {
            return Err(vec![wrong(Position::NONE, format!("is longer than {} KiB", MAX_TEXT / 1024))]);
        }
        let ast = ENGINE
            .compile(text)
            .map_err(|error| vec![wrong(error.position(), error.err_type().to_string())])?;
        let mut errors = Vec::new();
        let mut script = Script { ast, params: Map::new(), condition: None, actions: false };
        for function in script.ast.iter_functions() {
            match (function.name, function.params.len()) {
                ("condition", 2) => script.condition = Some(false),
                ("condition", 3) => script.condition = Some(true),
                ("condition", _) => errors.push(
                    "write it as `fn condition(inputs, params)` or `fn condition(inputs, params, now)`",
                ),
                ("actions", 3) => script.actions = true,
                ("actions", _) => errors.push("write it as `fn actions(active, inputs, params)`"),
                _ => {}
            }
        }
        if script.condition.is_none() && !script.actions && errors.is_empty() {
            errors
                .push("has neither `fn condition(inputs, params)` nor `fn actions(active, inputs, params)`");
        }
        let mut errors: Vec<_> =
            errors.into_iter().map(|message| wrong(Position::NONE, message.to_owned())).collect();
        errors.extend(unknown_names(&script.ast, inputs, params));
        for (name, value) in params {
            script.params.insert(name.as_str().into(), dynamic(&Data::from_json(value.clone())));
        }
        if errors.is_empty() { Ok(script) } else { Err(errors) }
    }

    /// Asks `condition`. The error is a sentence with the line.
    pub(crate) fn ask(
        &self,
        scope: &mut Scope<'static>,
        inputs: Map,
        now: Time,
        zone: &TimeZone,
    ) -> Result<Truth, String> {
        let answer = if self.condition == Some(true) {
            let now = Dynamic::from(Now(now.timestamp().to_zoned(zone.clone())));
            self.call(scope, "condition", (inputs, self.params.clone(), now))?
        } else {
            self.call(scope, "condition", (inputs, self.params.clone()))?
        };
        answer.as_bool().map(Truth::from).map_err(|kind| {
            format!("rule.rhai: `condition` gave a value of type {kind} instead of true or false")
        })
    }

    /// Asks `actions` which actions follow a transition. The error is a sentence with the line.
    pub(crate) fn actions(&self, active: bool, inputs: Map) -> Result<Vec<Action>, String> {
        let answer = self.call(&mut Scope::new(), "actions", (active, inputs, self.params.clone()))?;
        let actions: Vec<Action> = rhai::serde::from_dynamic(&answer)
            .map_err(|error| format!("rule.rhai: `actions` did not give a list of actions: {error}"))?;
        if actions.len() > MAX_ACTIONS {
            return Err(format!(
                "rule.rhai: `actions` gave {} actions, more than {MAX_ACTIONS}",
                actions.len()
            ));
        }
        Ok(actions)
    }

    fn call(
        &self,
        scope: &mut Scope<'static>,
        name: &str,
        args: impl rhai::FuncArgs,
    ) -> Result<Dynamic, String> {
        let options = CallFnOptions::new().eval_ast(false).rewind_scope(true);
        ENGINE.call_fn_with_options(options, scope, &self.ast, name, args).map_err(|error| {
            let mut inner = error.unwrap_inner();
            let mut position = inner.position();
            if position.is_none() {
                position = error.position();
            }
            while let EvalAltResult::ErrorInFunctionCall(_, _, cause, at) = inner {
                inner = cause;
                position = if inner.position().is_none() { *at } else { inner.position() };
            }
            let message = match inner {
                EvalAltResult::ErrorTooManyOperations(_) => {
                    format!("it ran for more than {MAX_OPERATIONS} operations")
                }
                other => {
                    let mut other = other.to_string();
                    if let Some(at) = other.rfind(" (line ") {
                        other.truncate(at);
                    }
                    other
                }
            };
            match position.line() {
                Some(line) => format!("rule.rhai:{line}: {message}"),
                None => format!("rule.rhai: {message}"),
            }
        })
    }
}

/// When a script that asks for `now` wants to be asked again: at the next full minute.
pub(crate) fn next_minute(now: Time) -> Time {
    let minute = 60_000_000;
    Time(now.0.div_euclid(minute).saturating_mul(minute)).after(Duration::from_secs(60))
}

fn wrong(at: Position, message: String) -> Diagnostic {
    Diagnostic {
        file: "rule.rhai".into(),
        line: at.line().map(|line| line as u32),
        column: at.position().map(|column| column as u32),
        place: String::new(),
        message,
    }
}

/// `inputs.x` and `params.x` that do not exist: found while writing, not at three in the morning.
fn unknown_names(ast: &AST, inputs: &[&str], params: &Values) -> Vec<Diagnostic> {
    let mut found = BTreeSet::new();
    ast.walk(&mut |path: &[ASTNode]| {
        if let Some(ASTNode::Expr(Expr::Dot(pair, ..))) = path.last()
            && let Expr::Variable(variable, ..) = &pair.lhs
        {
            let property = match &pair.rhs {
                Expr::Property(property, at) => Some((property.2.as_str(), *at)),
                Expr::Dot(next, ..) => match &next.lhs {
                    Expr::Property(property, at) => Some((property.2.as_str(), *at)),
                    _ => None,
                },
                _ => None,
            };
            let kind = variable.1.as_str();
            let known = |name: &str| match kind {
                "inputs" => inputs.contains(&name),
                "params" => params.contains_key(name),
                _ => true,
            };
            if let Some((name, at)) = property
                && !known(name)
            {
                let what = if kind == "inputs" { "[input" } else { "[param" };
                found.insert(wrong(at, format!("there is no {what}.{name}] in trigger.toml")));
            }
        }
        true
    });
    found.into_iter().collect()
}

/// A datum as a script sees it.
pub(crate) fn dynamic(data: &Data) -> Dynamic {
    match data {
        Data::None => Dynamic::UNIT,
        Data::Bool(on) => Dynamic::from(*on),
        Data::Int(whole) => Dynamic::from(*whole),
        Data::Float(real) => Dynamic::from(*real),
        Data::Text(text) => Dynamic::from(ImmutableString::from(&**text)),
        Data::Json(json) => rhai::serde::to_dynamic(&**json).unwrap_or(Dynamic::UNIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(text: &str) -> Result<Truth, String> {
        let params = Values::from([("limit".to_owned(), json!(800))]);
        let script = Script::compile(text, &["co2"], &params).map_err(|all| all[0].to_string())?;
        let inputs = Map::from([("co2".into(), Dynamic::from(900.0))]);
        script.ask(&mut Scope::new(), inputs, Time(0), &TimeZone::UTC)
    }

    #[test]
    fn a_condition_sees_inputs_params_and_the_time_on_site() {
        assert_eq!(ask("fn condition(inputs, params) { inputs.co2 > params.limit }"), Ok(Truth::True));
        let text =
            "fn condition(inputs, params, now) { now.weekday == \"thu\" && now.hour == 0 && now.unix == 0 }";
        assert_eq!(ask(text), Ok(Truth::True));
    }

    #[test]
    fn what_runs_without_end_stops_with_an_error() {
        let body = |body: &str| ask(&format!("fn condition(inputs, params) {{\n{body}\n}}")).unwrap_err();
        assert!(body("loop { }").contains("more than 50000 operations"), "{}", body("loop {}"));
        let text = "fn f(n) { f(n + 1) } fn condition(inputs, params) { f(0) }";
        assert!(ask(text).unwrap_err().to_lowercase().contains("stack"), "{:?}", ask(text));
        assert!(body("let s = \"x\"; loop { s += s; }").contains("too large"));
        assert!(
            body("let a = [1]; loop { a.push(a); }").contains("too"),
            "{}",
            body("let a = [1]; loop { a.push(a); }")
        );
        assert!(
            body("let m = #{}; let i = 0; loop { m[i.to_string()] = i; i += 1; }").contains("operations")
        );
        assert!(body("let a = []; a.pad(1000000000, 1); true").contains("too large"));
        assert!(body("sleep(10); true").contains("can't sleep"));
        assert!(body("sleep(10.0); true").contains("can't sleep"));
    }

    #[test]
    fn what_doubles_itself_stops_before_it_fills_the_memory() {
        let body = |body: &str| ask(&format!("fn condition(inputs, params) {{\n{body}\n}}")).unwrap_err();
        for text in [
            "let a = [1]; loop { a = [a, a]; }",
            "let a = [1]; loop { a[0] = [a, a]; }",
            "let m = #{}; loop { m = #{ a: m, b: m }; }",
            "let m = #{}; let i = 0; loop { m[i.to_string()] = m; i += 1; }",
            "let m = #{}; loop { m.a = #{ x: m, y: m }; }",
            "let a = [1]; loop { a.push(a); }",
            "let a = [\"x\"]; loop { a.append(a); }",
        ] {
            let error = body(text);
            assert!(error.contains("too large"), "{text}: {error}");
        }
    }

    #[test]
    fn there_is_no_eval_no_import_no_clock() {
        for text in ["eval(\"1\")", "import \"x\" as x;", "timestamp()"] {
            assert!(ask(&format!("fn condition(inputs, params) {{ {text} }}")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_mistake_is_named_with_its_line() {
        let compile =
            |text: &str| Script::compile(text, &["co2"], &Values::new()).unwrap_err()[0].to_string();
        let text = "fn condition(inputs, params) {\n  inputs.co2 >\n}";
        assert!(compile(text).starts_with("rule.rhai:3:"), "{}", compile(text));
        let text = "fn condition(inputs, params) {\n  inputs.cO2 > 3\n}";
        assert_eq!(compile(text), "rule.rhai:2:10: there is no [input.cO2] in trigger.toml");
        assert!(compile("fn condition() { true }").contains("write it as"));
        assert!(compile("let x = 1;").contains("neither"));
        let text = "fn condition(inputs, params) {\n  let x = \"a\";\n  x - 3\n}";
        assert!(ask(text).unwrap_err().starts_with("rule.rhai:3:"), "{:?}", ask(text));
    }

    #[test]
    fn another_type_than_a_boolean_is_an_error() {
        let error = ask("fn condition(inputs, params) { inputs.co2 }").unwrap_err();
        assert!(error.contains("instead of true or false"), "{error}");
    }

    #[test]
    fn actions_come_back_as_they_would_be_written_in_toml() {
        let text = "fn actions(active, inputs, params) { [#{ command: \"Hvac_1.set_fan\", params: #{ speed: 3 } }] }";
        let script = Script::compile(text, &[], &Values::new()).unwrap();
        let actions = script.actions(true, Map::new()).unwrap();
        assert_eq!(actions[0].command.as_deref(), Some("Hvac_1.set_fan"));
        assert_eq!(actions[0].params["speed"], json!(3));
        let text = text.replace("params: ", "parms: ");
        let script = Script::compile(&text, &[], &Values::new()).unwrap();
        assert!(script.actions(true, Map::new()).unwrap_err().contains("parms"));
    }
}
