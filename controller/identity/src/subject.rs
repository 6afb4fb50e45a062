//! Whom something is given to: a member, a group, a role in a scope.

use crate::account;
use crate::delegate;
use crate::error::IdentityError;
use crate::group::{self, Group};
use crate::relation;
use crate::token::level_of;
use bo_db::{DbError, Tx};
use bo_model::{Kind, Level, Object, WorkspaceId};
use bo_web::{Input, Viewer};
use maud::{Markup, html};

/// What people type to name one: a group's name, or a member's mail address. What a form sends back is an object already.
///
/// # Errors
/// When the database fails.
pub fn typed(tx: &mut Tx, workspace: WorkspaceId, text: &str) -> Result<Option<Object>, DbError> {
    if let Some(object) = Object::parse(text) {
        return Ok(Some(object));
    }
    let wanted = text.to_lowercase();
    let groups = group::all(tx, workspace)?;
    if let Some(found) = groups.into_iter().find(|group| group.name.to_lowercase() == wanted) {
        return Ok(Some(Object::new(Kind::GROUP, found.id)));
    }
    let member = account::member_by_email(tx, workspace, text)?;
    Ok(member.map(|member| Object::new(Kind::ACCOUNT, member.id)))
}

/// Name of a subject that may be given something in the viewer's workspace: a member, a group, a role in a scope they see.
///
/// # Errors
/// [`IdentityError::NotFound`] for all others.
pub fn name(tx: &mut Tx, viewer: &Viewer, subject: &Object) -> Result<String, IdentityError> {
    let missing = |_| IdentityError::NotFound;
    match subject.kind() {
        "account" => {
            let found = account::find_member(tx, viewer.workspace, subject.id().parse().map_err(missing)?)?;
            Ok(found.ok_or(IdentityError::NotFound)?.name)
        }
        "group" => Ok(delegate::group(tx, viewer.workspace, subject.id().parse().map_err(missing)?)?.0),
        "role" => {
            let (word, scope) = relation::role_parts(subject).ok_or(IdentityError::NotFound)?;
            match level_of(tx, viewer, &scope)? {
                Level::None => Err(IdentityError::NotFound),
                _ => Ok(word.to_owned()),
            }
        }
        _ => Err(IdentityError::NotFound),
    }
}

/// The field `subject` in which one is typed. `members` are (mail address, name), for those who may know them all.
pub fn field(groups: &[Group], members: &[(String, String)], input: &Input) -> Markup {
    html! {
        div.field {
            label for="f-subject" { "Member's mail address, or group" span.field__required title="required" { " *" } }
            input id="f-subject" name="subject" list="subjects" required autocomplete="off" value=(input.raw("subject")) aria-describedby="f-subject-about";
            datalist id="subjects" {
                @for group in groups { option value=(group.name) { "Group" } }
                @for (email, name) in members { option value=(email) { (name) } }
            }
            div id="f-subject-about" { @if let Some(error) = input.error("subject") { div.field__error { "This " (error) "." } } }
        }
    }
}
