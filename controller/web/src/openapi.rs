//! The API's description, OpenAPI 3.1, made of the recorded routes: it can't say anything the router does not do.

use crate::app::App;
use crate::ctx::Ctx;
use crate::error::Result;
use crate::need::Need;
use crate::reply;
use crate::routes::{Route, Routes};
use axum::response::Response;
use serde_json::{Map, Value as Json, json};

pub(crate) fn routes() -> Routes {
    Routes::new("web")
        .get("/api/v1/openapi.json", Need::anyone("a description of the API holds no data"), show)
        .about("This description")
}

async fn show(ctx: Ctx) -> Result<Response> {
    Ok(reply::json(&describe(ctx.app())))
}

/// The whole description.
pub fn describe(app: &App) -> Json {
    let mut paths: Map<String, Json> = Map::new();
    for route in app.routes().iter().filter(|route| route.is_api()) {
        let path = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("{} API", app.name),
            "version": app.version,
            "description": "Sign in with `POST /api/v1/session`, or send an API token: `Authorization: Bearer …`. \
                What you may not see answers 404.",
        },
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": error_schema()},
            "responses": {"Error": {
                "description": "Not done; `code` says why.",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
            }},
        },
    })
}

fn operation(route: &Route) -> Json {
    let mut parameters: Vec<Json> = path_params(route.path)
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let is_get = !route.is_mutation();
    let asked = if is_get { route.query.as_ref().or(route.accepts.as_ref()) } else { route.query.as_ref() };
    parameters.extend(asked.into_iter().flat_map(query_params));
    let content = |schema: &Json| json!({"application/json": {"schema": schema}});
    let success = match &route.returns {
        Some(schema) => json!({"200": {"description": "Done.", "content": content(schema)}}),
        None => json!({"2XX": {"description": "Done."}}),
    };
    let mut responses = success;
    responses["default"] = json!({"$ref": "#/components/responses/Error"});
    let mut operation = json!({
        "operationId": operation_id(route),
        "tags": [route.module],
        "summary": route.about,
        "description": route.need.words(),
        "parameters": parameters,
        "responses": responses,
    });
    if let (Some(schema), false) = (&route.accepts, is_get) {
        operation["requestBody"] = json!({"required": true, "content": content(schema)});
    }
    if matches!(route.need, Need::Anyone(_)) {
        operation["security"] = json!([]);
    }
    operation
}

/// Each property of a query's schema as a parameter.
fn query_params(schema: &Json) -> Vec<Json> {
    let required = |name: &str| {
        let names = schema.get("required").and_then(Json::as_array);
        names.is_some_and(|names| names.iter().any(|each| each == name))
    };
    let properties = schema.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
    let parameter = |(name, mut schema): (String, Json)| {
        let words = schema.as_object_mut().and_then(|schema| schema.remove("description"));
        let mut parameter =
            json!({"name": name, "in": "query", "required": required(&name), "schema": schema});
        if let Some(words) = words {
            parameter["description"] = words;
        }
        parameter
    };
    properties.into_iter().map(parameter).collect()
}

fn path_params(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|part| part.split('}').next()).map(|name| name.trim_start_matches('*'))
}

fn operation_id(route: &Route) -> String {
    let words = route.path.trim_start_matches("/api/v1").replace(['{', '}', '*'], "");
    let words = words.replace(['/', '-', '.'], "_");
    format!("{}{words}", route.method.as_str().to_ascii_lowercase())
}

fn error_schema() -> Json {
    let text = json!({"type": "string"});
    json!({"type": "object", "properties": {"error": {"type": "object", "properties": {
        "code": text, "message": text, "request_id": text,
        "fields": {"type": "object", "additionalProperties": text},
    }}}})
}
