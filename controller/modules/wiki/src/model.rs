//! The wiki's nouns, and what can be said of them without a database.

use crate::error::WikiError;
use bo_model::{Kind, Object, Time, WorkspaceId};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};

bo_model::ids! {
    /// A tree of pages with its own access.
    SpaceId,
    /// A page.
    PageId,
}
bo_db::id_columns!(SpaceId, PageId);

/// A space, in the permission graph.
pub const SPACE: Kind = Kind("wiki-space");
/// A page, in the permission graph.
pub const PAGE: Kind = Kind("wiki-page");

/// Characters of a title at most.
pub const LONGEST_TITLE: usize = 200;
/// Bytes of a page's text at most.
pub const LONGEST_BODY: usize = 512 * 1024;

/// Who may say something about the pages of a space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Comments {
    /// Whoever reads a page; it is shown at once.
    Open,
    /// Whoever reads a page; what readers say waits for somebody who owns the space.
    Moderated,
    /// Nobody.
    Closed,
}

impl Comments {
    /// The stored word.
    pub fn word(self) -> &'static str {
        match self {
            Comments::Open => "open",
            Comments::Moderated => "moderated",
            Comments::Closed => "closed",
        }
    }

    /// From the stored word.
    pub fn from_word(word: &str) -> Option<Comments> {
        [Comments::Open, Comments::Moderated, Comments::Closed].into_iter().find(|known| known.word() == word)
    }
}

/// A space.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Space {
    /// Its id.
    pub id: SpaceId,
    /// Whose.
    pub workspace: WorkspaceId,
    /// For people; no two of a workspace are alike.
    pub name: String,
    /// What belongs in it.
    pub about: String,
    /// Who may comment.
    pub comments: Comments,
}

impl Space {
    /// As permission knows it.
    pub fn object(&self) -> Object {
        Object::new(SPACE, self.id)
    }
}

/// A page without its text.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page {
    /// Its id: its address never changes.
    pub id: PageId,
    /// Where.
    pub space: SpaceId,
    /// Below which page; none at the top.
    pub parent: Option<PageId>,
    /// Place among its siblings.
    pub rank: i64,
    /// For people.
    pub title: String,
    /// The newest.
    pub revision: i64,
    /// New pages can begin as a copy of it.
    pub template: bool,
    /// When its text last changed.
    pub updated_at: Time,
    /// By whom: a name.
    pub updated_by: String,
    /// In the bin, with which page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bin: Option<PageId>,
}

impl Page {
    /// As permission knows it.
    pub fn object(&self) -> Object {
        object(self.id)
    }
}

/// A page, as permission knows it.
pub fn object(page: PageId) -> Object {
    Object::new(PAGE, page)
}

/// A title as it was typed, checked.
///
/// # Errors
/// [`WikiError::Field`].
pub fn title(typed: &str) -> Result<String, WikiError> {
    let title = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    match title.chars().count() {
        0 => Err(WikiError::Field("title", "is required".into())),
        count if count > LONGEST_TITLE => {
            Err(WikiError::Field("title", format!("must be at most {LONGEST_TITLE} characters")))
        }
        _ if title.contains(['[', ']', '|']) => {
            Err(WikiError::Field("title", "can't have [, ] or | in it: links by title use them".into()))
        }
        _ => Ok(title),
    }
}

/// A text as it was typed, with line ends of one kind.
///
/// # Errors
/// [`WikiError::Field`].
pub fn body(typed: &str) -> Result<String, WikiError> {
    if typed.len() > LONGEST_BODY {
        return Err(WikiError::Field(
            "body",
            format!("must be at most {} KiB; split the page", LONGEST_BODY / 1024),
        ));
    }
    let text = typed.replace("\r\n", "\n").replace('\0', "");
    Ok(if text.is_empty() || text.ends_with('\n') { text } else { text + "\n" })
}

/// How titles are compared: as people mean them.
pub fn label(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The pages of a space as a tree: what stands below what, in order.
pub struct Tree {
    children: BTreeMap<Option<PageId>, Vec<Page>>,
    parents: HashMap<PageId, Option<PageId>>,
}

impl Tree {
    /// From the pages of one space. Those whose parent is not among them stand at the top.
    pub fn new(mut pages: Vec<Page>) -> Tree {
        let known: HashSet<PageId> = pages.iter().map(|page| page.id).collect();
        pages.sort_by_key(|page| (page.rank, page.id));
        let mut tree = Tree { children: BTreeMap::new(), parents: HashMap::new() };
        for page in pages {
            let parent = page.parent.filter(|parent| known.contains(parent));
            tree.parents.insert(page.id, parent);
            tree.children.entry(parent).or_default().push(page);
        }
        tree
    }

    /// What stands directly below a page; at the top for none.
    pub fn below(&self, parent: Option<PageId>) -> &[Page] {
        self.children.get(&parent).map_or(&[], Vec::as_slice)
    }

    /// The pages over one, the highest first, without itself.
    pub fn above(&self, page: PageId) -> Vec<PageId> {
        let mut path = Vec::new();
        let mut at = self.parents.get(&page).copied().flatten();
        while let Some(parent) = at.filter(|parent| !path.contains(parent)) {
            path.push(parent);
            at = self.parents.get(&parent).copied().flatten();
        }
        path.reverse();
        path
    }

    /// A page and everything below it.
    pub fn with_descendants(&self, page: PageId) -> Vec<PageId> {
        let mut found = vec![page];
        let mut at = 0;
        while at < found.len() {
            found.extend(self.below(Some(found[at])).iter().map(|child| child.id));
            at += 1;
        }
        found
    }

    /// Whether it is one of its pages.
    pub fn has(&self, page: PageId) -> bool {
        self.parents.contains_key(&page)
    }

    /// All pages, each before what stands below it, with its depth.
    pub fn walk(&self) -> Vec<(usize, &Page)> {
        let mut found = Vec::new();
        self.visit(None, 0, &mut found);
        found
    }

    fn visit<'t>(&'t self, parent: Option<PageId>, depth: usize, found: &mut Vec<(usize, &'t Page)>) {
        for page in self.below(parent) {
            found.push((depth, page));
            self.visit(Some(page.id), depth + 1, found);
        }
    }

    /// Only pages in `wanted` and the way to them: a page that may be read is never without its place.
    pub fn only(self, wanted: &HashSet<PageId>) -> Tree {
        let kept: HashSet<PageId> =
            wanted.iter().flat_map(|page| self.above(*page).into_iter().chain([*page])).collect();
        let pages = self.children.into_values().flatten().filter(|page| kept.contains(&page.id)).collect();
        Tree::new(pages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bo_model::uuid::Uuid;

    fn page(id: u128, parent: Option<u128>, rank: i64) -> Page {
        Page {
            id: PageId(Uuid::from_u128(id)),
            space: SpaceId(Uuid::nil()),
            parent: parent.map(|parent| PageId(Uuid::from_u128(parent))),
            rank,
            title: id.to_string(),
            revision: 1,
            template: false,
            updated_at: Time(0),
            updated_by: String::new(),
            bin: None,
        }
    }

    fn id(id: u128) -> PageId {
        PageId(Uuid::from_u128(id))
    }

    #[test]
    fn a_page_that_may_be_read_is_shown_below_its_ancestors() {
        let tree =
            Tree::new(vec![page(1, None, 2), page(2, None, 1), page(3, Some(1), 0), page(4, Some(3), 0)]);
        let titles = |tree: &Tree| {
            tree.walk().iter().map(|(depth, page)| (*depth, page.title.clone())).collect::<Vec<_>>()
        };
        assert_eq!(titles(&tree), [(0, "2".into()), (0, "1".into()), (1, "3".into()), (2, "4".into())]);
        assert_eq!(tree.above(id(4)), [id(1), id(3)]);
        assert_eq!(tree.with_descendants(id(1)), [id(1), id(3), id(4)]);
        let seen = tree.only(&HashSet::from([id(4)]));
        assert_eq!(titles(&seen), [(0, "1".into()), (1, "3".into()), (2, "4".into())]);
    }

    #[test]
    fn a_title_is_one_line_that_links_can_name() {
        assert_eq!(title("  Fire \n drill ").unwrap(), "Fire drill");
        for bad in ["", " ", "a|b", "[x]"] {
            assert!(title(bad).is_err(), "{bad}");
        }
        assert!(title(&"ü".repeat(200)).is_ok() && title(&"ü".repeat(201)).is_err());
        assert_eq!(label(" Fire  DRILL"), label("fire drill"));
    }

    #[test]
    fn a_text_ends_its_lines_in_one_way() {
        assert_eq!(body("a\r\nb").unwrap(), "a\nb\n");
        assert_eq!(body("").unwrap(), "");
        assert!(body(&"x".repeat(LONGEST_BODY + 1)).is_err());
    }
}
